"""One call that holds a sequence layer to everything a user relies on.

A `Case` is a batch of requests; `check_sequence_layer` runs a layer through it: the same answers whatever the order
of rows and candidates, whatever the batch, finite on empty rows and in half precision, gradients that reach every
weight, and identical outputs after every way of saving.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

DIM = 8
TOKENS = 12


@dataclass(frozen=True)
class Case:
    """Requests with histories of any length (0 included) and any number of candidates."""

    history: list[np.ndarray]
    candidates: list[np.ndarray]
    seconds: list[np.ndarray]
    history_tokens: list[np.ndarray]
    candidate_tokens: list[np.ndarray]
    routed: bool = field(default=False)

    @classmethod
    def random(cls, lengths=(3, 0, 7, 1), candidates=(2, 3, 0, 1), *, routed: bool = False, seed: int = 0) -> "Case":
        rng = np.random.default_rng(seed)
        return cls(
            [rng.normal(size=(n, DIM)).astype(np.float32) for n in lengths],
            [rng.normal(size=(n, DIM)).astype(np.float32) for n in candidates],
            [np.sort(rng.integers(1, 10**7, n))[::-1].astype(np.int64) for n in lengths],
            [rng.integers(0, TOKENS, n) for n in lengths],
            [rng.integers(0, TOKENS, n) for n in candidates],
            routed,
        )

    def rows(self, order) -> "Case":
        """The same requests in another order, or some of them."""
        pick = lambda values: [values[i] for i in order]  # noqa: E731
        return Case(
            pick(self.history), pick(self.candidates), pick(self.seconds), pick(self.history_tokens),
            pick(self.candidate_tokens), self.routed,
        )  # fmt: skip

    def reversed_candidates(self) -> "Case":
        return Case(
            self.history, [c[::-1] for c in self.candidates], self.seconds, self.history_tokens,
            [c[::-1] for c in self.candidate_tokens], self.routed,
        )  # fmt: skip

    def inputs(self) -> dict[str, tf.RaggedTensor]:
        inputs = {
            "history": ragged(self.history, tf.float32, DIM),
            "candidates": ragged(self.candidates, tf.float32, DIM),
            "history_time": ragged(self.seconds, tf.int64),
        }
        if self.routed:
            inputs["routing_history"] = ragged(self.history_tokens, tf.int64)
            inputs["routing_candidates"] = ragged(self.candidate_tokens, tf.int64)
        return inputs


def ragged(rows: list[np.ndarray], dtype: tf.DType, dim: int | None = None) -> tf.RaggedTensor:
    empty = np.zeros((0,) if dim is None else (0, dim))
    values = np.concatenate([empty, *rows]) if rows else empty
    return tf.RaggedTensor.from_row_lengths(tf.constant(values, dtype), tf.constant([len(r) for r in rows], tf.int64))


def call(layer: keras.layers.Layer, inputs: dict, **keywords) -> tf.RaggedTensor:
    """Calls a sequence layer by its one signature."""
    keywords["history_time"] = inputs["history_time"]
    if "routing_history" in inputs:
        keywords["routing"] = (inputs["routing_history"], inputs["routing_candidates"])
    return layer(inputs["history"], inputs["candidates"], **keywords)


def check_sequence_layer(
    make: Callable[[], keras.layers.Layer],
    folder: Path,
    *,
    routed: bool = False,
    oracle: Callable[..., np.ndarray] | None = None,
) -> None:
    """Runs every check.

    Args:
        make: gives a fresh layer of the same configuration, its router adapted where it has one.
        folder: to save into.
        routed: whether the layer takes theme tokens.
        oracle: `(layer, history [L, d], candidates [n, d], seconds [L]) -> [n, d]`, what an independent, slow NumPy
            version with the layer's weights says of one request.
    """
    case = Case.random(routed=routed)
    layer = make()
    expected = call(layer, case.inputs())
    if oracle is not None:
        _check_oracle(make(), oracle)
    assert expected.shape.as_list() == [4, None, DIM]
    assert np.isfinite(expected.flat_values).all()

    _check_order(layer, case, expected)
    _check_gradients(layer, case)
    _check_half_precision(make, case)
    _check_config(layer)
    _check_functional_model(make, case, folder)
    _check_saved_model(layer, case, folder)


def disturb(layer: keras.layers.Layer) -> None:
    """Moves every trainable weight: zero starts hide what lies behind them."""
    for weight in layer.trainable_weights:
        noise = np.random.default_rng(1).normal(scale=0.3, size=weight.shape)
        weight.assign_add(noise.astype(np.float32))


def disturbed(encoder: Any) -> Any:
    """Returns an encoder, built and disturbed."""
    encoder.build((None, None, DIM), (None, None, DIM))
    disturb(encoder)
    return encoder


def _check_oracle(layer, oracle) -> None:
    """Rows shorter and longer than a tile, empty ones, and candidates in rows of their own or one each."""
    case = Case.random((3, 0, 70, 1, 33), (2, 3, 1, 0, 2), seed=11)
    call(layer, case.inputs())
    disturb(layer)
    answers = [
        oracle(layer, history, candidates, seconds).reshape(-1, DIM)
        for history, candidates, seconds in zip(case.history, case.candidates, case.seconds, strict=True)
    ]
    vectors = call(layer, case.inputs())
    for row, answer in enumerate(answers):
        np.testing.assert_allclose(vectors[row], answer, atol=2e-5)
    first = [0, 1, 2, 4]
    inputs = case.rows(first).inputs() | {"candidates": tf.constant(np.stack([case.candidates[r][0] for r in first]))}
    np.testing.assert_allclose(call(layer, inputs), np.stack([answers[r][0] for r in first]), atol=2e-5)


def _check_order(layer, case: Case, expected) -> None:
    shuffled = call(layer, case.rows([2, 0, 3, 1]).inputs())
    np.testing.assert_allclose(shuffled[1], expected[0], atol=1e-5)
    np.testing.assert_allclose(shuffled[3], expected[1], atol=1e-5)
    alone = call(layer, case.rows([0]).inputs())
    np.testing.assert_allclose(alone[0], expected[0], atol=1e-5)
    backwards = call(layer, case.reversed_candidates().inputs())
    np.testing.assert_allclose(backwards[1][::-1], expected[1], atol=1e-5)
    nobody = call(layer, case.rows([]).inputs())
    assert nobody.flat_values.shape == (0, DIM)
    one_each = case.rows([0, 1, 3])
    inputs = one_each.inputs()
    first = [0, 2, 5]
    inputs["candidates"] = tf.gather(inputs["candidates"].flat_values, first)
    if case.routed:
        inputs["routing_candidates"] = tf.gather(inputs["routing_candidates"].flat_values, first)
    dense = call(layer, inputs)
    np.testing.assert_allclose(dense, np.stack([expected[0][0], expected[1][0], expected[3][0]]), atol=1e-5)


def _check_gradients(layer, case: Case) -> None:
    """Every trainable weight must matter: one that no path reaches would be dead from the start."""
    disturb(layer)
    inputs = Case.random((3, 0, 7, 30), (2, 3, 0, 4), routed=case.routed, seed=3).inputs()
    with tf.GradientTape() as tape:
        outputs = call(layer, inputs, training=True).flat_values
        loss = tf.reduce_sum(tf.sin(outputs * tf.range(1.0, DIM + 1))) + sum(layer.losses)
    gradients = tape.gradient(loss, [weight.value for weight in layer.trainable_weights])
    for weight, gradient in zip(layer.trainable_weights, gradients, strict=True):
        assert gradient is not None, f"no gradient reaches {weight.path}"
        assert np.isfinite(gradient).all(), f"the gradient of {weight.path} is not finite"
        assert np.any(gradient != 0), f"the gradient of {weight.path} is zero"


def _check_half_precision(make, case: Case) -> None:
    previous = keras.config.dtype_policy()
    for policy in ("mixed_float16", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        try:
            long = Case.random((3000, 0), (2, 1), routed=case.routed, seed=5).inputs()
            layer = make()
            outputs = call(layer, long).flat_values
            assert outputs.dtype == policy.removeprefix("mixed_")
            assert np.isfinite(np.asarray(outputs, np.float32)).all(), f"not finite under {policy}"
        finally:
            keras.config.set_dtype_policy(previous)


def _check_config(layer) -> None:
    again = type(layer).from_config(layer.get_config())
    again.build((None, None, DIM), (None, None, DIM))
    assert sorted(tuple(w.shape) for w in again.weights) == sorted(tuple(w.shape) for w in layer.weights)


def _check_functional_model(make, case: Case, folder: Path) -> None:
    inputs = {
        name: keras.Input(value.shape[1:], dtype=value.dtype.name, ragged=True, name=name)
        for name, value in case.inputs().items()
    }
    model = keras.Model(inputs, call(make(), inputs))
    expected = model(case.inputs())
    assert isinstance(expected, tf.RaggedTensor)
    np.testing.assert_allclose(model.predict(case.inputs(), verbose=0).flat_values, expected.flat_values, atol=1e-5)
    model.save(folder / "model.keras")
    reloaded = keras.saving.load_model(folder / "model.keras")
    np.testing.assert_array_equal(reloaded(case.inputs()).flat_values, expected.flat_values)


def _check_saved_model(layer, case: Case, folder: Path) -> None:
    inputs = case.inputs()
    flat_signature(layer, inputs, folder / "saved")
    vectors = session_answer(inputs, folder / "saved")
    np.testing.assert_allclose(vectors, call(layer, inputs).flat_values, rtol=1e-5, atol=1e-6)


def flat_signature(layer, inputs: dict, directory: Path) -> None:
    """Saves a layer as a SavedModel that takes flat values and row splits by name."""
    module = tf.Module()
    module.variables_ = [weight.value for weight in layer.weights]
    names = list(inputs)
    signature = [tf.TensorSpec([None, *inputs[n].flat_values.shape[1:]], inputs[n].dtype, f"{n}_values") for n in names]
    signature += [tf.TensorSpec([None], tf.int64, f"{n}_splits") for n in names]

    @tf.function(input_signature=signature)
    def serve(*flat):
        half = len(flat) // 2
        parts = zip(flat[:half], flat[half:], strict=True)
        rows = {n: tf.RaggedTensor.from_row_splits(v, s) for n, (v, s) in zip(names, parts, strict=True)}
        return {"vectors": call(layer, rows).flat_values}

    module.serve = serve
    tf.saved_model.save(module, str(directory), signatures={"serving_default": serve})


def session_answer(inputs: dict, directory: Path) -> np.ndarray:
    """Asks a SavedModel through the loader that TensorFlow Serving uses, which knows no composite tensors."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(directory))
        served = meta.signature_def["serving_default"]
        feed = {served.inputs[f"{n}_values"].name: inputs[n].flat_values.numpy() for n in inputs}
        feed |= {served.inputs[f"{n}_splits"].name: inputs[n].row_splits.numpy() for n in inputs}
        return session.run(served.outputs["vectors"].name, feed)
