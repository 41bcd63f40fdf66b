"""Steps: a layer on a batch as a compiled function, forward alone or forward and backward."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from benchmarks.layers.batches import Batch
from benchmarks.layers.measuring import Step
from benchmarks.padded.mixture import PaddedMixture
from mos_tf.layers import MixtureOfSequence


def ragged_step(layer: Any, batch: Batch, *, training: bool = True) -> Step:
    """Returns a step of one of ours, which knows no size beforehand, as in real life.

    Args:
        layer: an encoder, or a mixture that routes by tokens.
        batch: what it runs on.
        training: forward and backward; else forward alone.
    """
    if not layer.built:
        layer.build((None, None, batch.history.shape[-1]), (None, batch.history.shape[-1]))
    one_each = isinstance(batch.candidates, tf.Tensor)

    def call(values: Any, splits: Any, tokens: Any, candidates: Any, candidate_splits: Any, wanted: Any) -> Any:
        history = tf.RaggedTensor.from_row_splits(values, splits, validate=False)
        if not one_each:
            candidates, wanted = (
                tf.RaggedTensor.from_row_splits(part, candidate_splits, validate=False) for part in (candidates, wanted)
            )
        routed = {"routing": (history.with_values(tokens), wanted)} if isinstance(layer, MixtureOfSequence) else {}
        vectors = layer(history, candidates, **routed)
        return vectors if one_each else vectors.values

    def flat(part: tf.RaggedTensor | tf.Tensor) -> tf.Tensor:
        return part if isinstance(part, tf.Tensor) else part.values

    splits = tf.range(len(batch.candidates) + 1, dtype=tf.int64) if one_each else batch.candidates.row_splits
    inputs = (
        batch.history.values,
        batch.history.row_splits,
        batch.tokens.values,
        flat(batch.candidates),
        splits,
        flat(batch.candidate_tokens),
    )
    signature = [tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in inputs]
    return _compiled(call, layer.trainable_weights, inputs, signature, training)


def padded_step(layer: keras.layers.Layer, batch: Batch, router: Any = None) -> Step:
    """Returns a training step of a padded layer of one candidate each, which knows every size beforehand.

    Args:
        layer: called as `layer(history, valid, candidates)`, a mixture also with themes.
        batch: is padded to its longest history before.
        router: of a mixture.
    """

    def call(history: Any, valid: Any, candidates: Any, tokens: Any, wanted: Any) -> Any:
        if not isinstance(layer, PaddedMixture):
            return layer(history, valid, candidates)
        return layer(history, valid, candidates, router(tokens)[..., 0], router(wanted)[..., 0])

    inputs = (
        batch.history.to_tensor(),
        tf.sequence_mask(batch.history.row_lengths()),
        batch.candidates,
        batch.tokens.to_tensor(),
        batch.candidate_tokens,
    )
    call(*inputs)  # builds
    return _compiled(call, layer.trainable_weights, inputs, None, training=True)


def _compiled(
    call: Callable, weights: Sequence[keras.Variable], inputs: Sequence[tf.Tensor], signature: Any, training: bool
) -> Step:
    """Returns a step whose gradients reach the weights and the first input, the events."""

    @tf.function(input_signature=signature)
    def step(*inputs: tf.Tensor) -> Any:
        if not training:
            return tf.reduce_sum(call(*inputs)), None
        with tf.GradientTape() as tape:
            tape.watch(inputs[0])
            loss = tf.reduce_sum(tf.square(call(*inputs)))
        return loss, tape.gradient(loss, [*(weight.value for weight in weights), inputs[0]])

    return lambda: float(step(*inputs)[0])
