"""The losses on Keras's JAX backend: a process of its own, since a process has one backend."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from mos_tf import losses

# Draws the same values wherever it runs, and gives each loss and the norm of its gradient where JAX may take it.
PROGRAM = """
import numpy as np
from mos_tf import losses

rng = np.random.default_rng(0)
logits, labels = (100 * rng.normal(size=40)).astype("float32"), rng.integers(0, 2, 40)
rows, tokens = rng.integers(0, 5, 40), rng.integers(0, 20, 40)
embeddings, codes = rng.normal(size=(2, 40, 8)).astype("float32")
positives, gates = rng.integers(-1, 40, 40), rng.dirichlet(np.ones(5), 40).astype("float32")
none, nobody = np.zeros(0, "float32"), np.zeros(0, "int32")

LOSSES = {
    "cross entropy": (lambda x: losses.candidate_cross_entropy(labels, x, positive_weight=2.0), logits),
    "softmax": (lambda x: losses.request_softmax(labels, x, rows, 7, log_sampling_probability=-gates[:, 0]), logits),
    "sampling": (lambda x: losses.undo_negative_sampling(x, 0.1)[3, 2], gates),
    "sampling of logits": (lambda x: losses.undo_negative_sampling_logits(x, 0.1)[3], logits),
    "codebook": (lambda x: losses.codebook_loss(embeddings, x), codes),
    "commitment": (lambda x: losses.commitment_loss(x, codes), embeddings),
    "vector quantisation": (lambda x: losses.vq_loss(x, codes), embeddings),
    "contrast": (lambda x: losses.session_contrast(x, positives, tokens), embeddings),
    "balance": (lambda x: losses.load_balance(x, rows, 5), gates),
    "no cross entropy": (lambda x: losses.candidate_cross_entropy(none, x), none),
    "no softmax": (lambda x: losses.request_softmax(none, x, nobody, 3), none),
    "no requests": (lambda x: losses.request_softmax(none, x, nobody, 0), none),
    "no codebook": (lambda x: losses.codebook_loss(x, x), embeddings[:0]),
    "no contrast": (lambda x: losses.session_contrast(x, nobody, nobody), embeddings[:0]),
    "no balance": (lambda x: losses.load_balance(x, nobody, 5), gates[:0]),
}
"""

ON_JAX = """
import json, jax
numbers = {}
for name, (loss, x) in LOSSES.items():
    value, gradient = jax.jit(jax.value_and_grad(loss))(x)
    numbers[name] = float(loss(x)), float(value), float(np.square(gradient).sum())
print(json.dumps(numbers))
"""


def run(program: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_losses_and_gradients_are_those_of_tensorflow():
    import tensorflow as tf

    assert keras.backend.backend() == "tensorflow"
    finished = run(PROGRAM + ON_JAX)
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    names = {}
    exec(PROGRAM, names)
    assert names["losses"] is losses
    assert set(found) == set(names["LOSSES"])
    for name, (loss, x) in names["LOSSES"].items():
        x = tf.constant(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = loss(x)
        gradient = tape.gradient(value, x)
        squares = 0.0 if gradient is None else np.square(tf.convert_to_tensor(gradient)).sum()
        np.testing.assert_allclose(found[name], (value, value, squares), rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_metrics_that_count_in_float64_say_how_to_switch_it_on():
    finished = run("from mos_tf.metrics.log_loss import LogLoss; LogLoss()")
    assert finished.returncode == 1
    assert "LogLoss must sum in float64" in finished.stderr
    assert "set JAX_ENABLE_X64=1" in finished.stderr
