"""A whole small ranking model around DIN: ragged against hand-padded in the style of DeepCTR."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from benchmarks.layers.batches import log_normal_lengths
from benchmarks.layers.measuring import Step, alternate, milliseconds, ratio
from benchmarks.layers.results import Bar, Row, Spread
from benchmarks.layers.sizes import Sizes
from benchmarks.padded.deepctr_din import DeepCTRDIN
from mos_tf.encoders.din import DIN

_NUM_ITEMS = 50_000
_HIDDEN = 32  # of the activation unit, on both sides: less than the (80, 40) that DeepCTR starts from


def deepctr(sizes: Sizes) -> list[Row]:
    """Measures training steps from item ids to the loss, examples a second."""
    rng = np.random.default_rng(0)
    lengths = log_normal_lengths(sizes.batch, sizes)
    ids = tf.RaggedTensor.from_row_lengths(tf.constant(rng.integers(1, _NUM_ITEMS, lengths.sum())), lengths)
    wanted = tf.constant(rng.integers(1, _NUM_ITEMS, sizes.batch))
    labels = tf.constant(rng.integers(0, 2, (sizes.batch, 1)), tf.float32)
    ours, theirs = RaggedModel(sizes.dim), PaddedModel(sizes.dim)
    times = alternate(
        {
            "ragged": _training_step(ours, (ids.values, ids.row_splits, wanted), labels, any_length=True),
            "padded": _training_step(theirs, (ids.to_tensor(), wanted), labels, any_length=False),
        },
        sizes,
    )
    speeds = {side: Spread.of([1e3 * len(lengths) / t for t in found]) for side, found in times.items()}
    return [
        Row(
            "training step, log-normal lengths",
            "DIN as DeepCTR pads it",
            "examples/s ragged / padded, whole models, log-normal lengths",
            ratio(times, "padded", "ragged"),
            Bar(">=", 3.0),
            {**milliseconds(times), **{f"{side}, examples/s": speed for side, speed in speeds.items()}},
        )
    ]


class _Model(keras.Model):
    """Embeds items, pools the history by a subclass's layer, and scores both by a small network."""

    def __init__(self, dim: int):
        super().__init__()
        self.embedding = keras.layers.Embedding(_NUM_ITEMS, dim)
        self.network = keras.Sequential(
            [keras.layers.Dense(128, "relu"), keras.layers.Dense(64, "relu"), keras.layers.Dense(1)]
        )

    def score(self, pooled: Any, candidates: Any) -> Any:
        return self.network(keras.ops.concatenate([pooled, candidates], axis=1))


class RaggedModel(_Model):
    """Called on flat ids [N], row splits and candidates [batch]."""

    def __init__(self, dim: int):
        super().__init__(dim)
        self.encoder = DIN(hidden_units=_HIDDEN)

    def call(self, ids: Any, splits: Any, candidates: Any, training: bool = False) -> Any:
        history = tf.RaggedTensor.from_row_splits(self.embedding(ids), splits, validate=False)
        candidates = self.embedding(candidates)
        return self.score(self.encoder(history, candidates), candidates)


class PaddedModel(_Model):
    """Called on ids [batch, longest], 0 behind the end, and candidates [batch]."""

    def __init__(self, dim: int):
        super().__init__(dim)
        self.encoder = DeepCTRDIN([_HIDDEN])

    def call(self, ids: Any, candidates: Any, training: bool = False) -> Any:
        candidates = self.embedding(candidates)
        pooled = self.encoder(self.embedding(ids), ids != 0, candidates, training=training)
        return self.score(pooled, candidates)


def _training_step(model: keras.Model, inputs: tuple, labels: tf.Tensor, any_length: bool) -> Step:
    model(*inputs)  # builds
    loss_of = keras.losses.BinaryCrossentropy(from_logits=True)
    signature = [tf.TensorSpec([None], tf.int64)] * len(inputs) if any_length else None

    @tf.function(input_signature=signature)
    def step(*inputs: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(*inputs, training=True))
        return loss, tape.gradient(loss, [weight.value for weight in model.trainable_weights])

    return lambda: float(step(*inputs)[0])
