"""The same layer on Keras's JAX backend: `check_on_jax` writes a layer and its answers, a process of its own compares.

A backend is chosen when Keras is imported, hence the process.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def check_on_jax(make, folder: Path) -> None:
    """Encodes requests with one candidate each on both backends, eagerly and jitted, and many candidates eagerly.

    The layer is called through its (values, row splits) entry, `encode`.
    """
    import keras
    import tensorflow as tf

    from mos_tf.ragged import Rows
    from tests.support.sequence_layers import DIM, Case, disturb

    layer = make()
    layer.build((None, None, DIM), (None, None, DIM))
    disturb(layer)
    case = Case.random((3, 0, 70, 1, 33), (2, 3, 1, 1, 2), seed=11)
    inputs = case.inputs()
    history = Rows.of(inputs["history"])
    time = inputs["history_time"].flat_values
    many = Rows.of(inputs["candidates"])
    one_each = tf.constant(np.stack([candidates[0] for candidates in case.candidates]))
    np.savez(
        folder / "case.npz",
        values=history.values,
        splits=history.splits,
        time=time,
        many=many.values,
        many_rows=many.ids,
        one_each=one_each,
        many_vectors=layer.encode(history, many.values, many.ids, time).vectors,
        one_each_vectors=layer.encode(history, one_each, None, time).vectors,
    )
    np.savez(folder / "weights.npz", *[np.asarray(weight) for weight in layer.weights])
    (folder / "layer.json").write_text(json.dumps(keras.saving.serialize_keras_object(layer)))
    run_on_jax("tests.support.on_jax", str(folder))


def run_on_jax(module: str, *arguments: str) -> None:
    """Runs a module in a process whose Keras backend is JAX, and shows what it said where it failed."""
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def _compare(folder: Path) -> None:
    import jax
    import jax.numpy as jnp
    import keras

    import mos_tf.encoders
    import mos_tf.layers
    import mos_tf.moe  # noqa: F401
    from mos_tf.ragged import Rows

    assert keras.backend.backend() == "jax"
    # Built by what the file says of it.
    layer = keras.saving.deserialize_keras_object(json.loads((folder / "layer.json").read_text()))
    case = {name: jnp.asarray(value) for name, value in np.load(folder / "case.npz").items()}
    dim = case["values"].shape[1]
    with np.load(folder / "weights.npz") as weights:
        layer.set_weights([weights[name] for name in weights.files])

    def encode(values, splits, time, candidates, rows=None):
        return layer.encode(Rows(values, splits), candidates, rows, time).vectors

    history = (case["values"], case["splits"], case["time"])
    many = encode(*history, case["many"], case["many_rows"])
    np.testing.assert_allclose(many, case["many_vectors"], atol=2e-5)
    np.testing.assert_allclose(encode(*history, case["one_each"]), case["one_each_vectors"], atol=2e-5)
    # Packed to a budget of events: what lies behind the last row must not matter.
    padding = 7 * jnp.ones((23, dim))
    packed = (jnp.concatenate([case["values"], padding]), case["splits"], jnp.pad(case["time"], (0, 23)))
    np.testing.assert_allclose(jax.jit(encode)(*packed, case["one_each"]), case["one_each_vectors"], atol=2e-5)
    gradient = jax.grad(lambda values: jnp.sum(encode(values, *packed[1:], case["one_each"]) ** 2))(packed[0])
    assert bool(jnp.isfinite(gradient).all()) and not bool(gradient[-23:].any())


if __name__ == "__main__":
    _compare(Path(sys.argv[1]))
