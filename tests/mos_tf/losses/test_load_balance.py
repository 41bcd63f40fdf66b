import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.losses import load_balance


@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_it_is_k_times_the_shares_times_the_mean_probabilities(size, num, seed):
    rng = np.random.default_rng(seed)
    probabilities, assignment = rng.dirichlet(np.ones(num), size), rng.integers(0, num, size)
    shares = np.bincount(assignment, minlength=num) / size
    expected = num * (shares * probabilities.mean(axis=0)).sum()
    np.testing.assert_allclose(load_balance(probabilities, assignment, num), expected, rtol=1e-5)


def test_it_is_1_when_even_and_k_at_collapse():
    assert float(load_balance(np.eye(4), [0, 1, 2, 3], 4)) == 1.0
    assert float(load_balance(np.full([4, 4], 0.25), [0, 1, 2, 3], 4)) == 1.0
    assert float(load_balance(np.eye(4)[[2, 2, 2]], [2, 2, 2], 4)) == 4.0


def test_its_gradient_lowers_the_probability_of_full_experts():
    logits = tf.zeros([4, 2])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = load_balance(tf.nn.softmax(logits), [0, 0, 0, 1], 2)
    gradient = tape.gradient(loss, logits).numpy()
    assert (gradient[:, 0] > 0).all()
    assert (gradient[:, 1] < 0).all()


def test_half_precision_counts_beyond_2048_values():
    probabilities = np.full([6000, 2], 0.5, np.float16)
    loss = load_balance(probabilities, np.zeros(6000, np.int32), 2)
    assert loss.dtype == tf.float32
    assert float(loss) == 1.0


def test_no_value_costs_nothing():
    probabilities = tf.zeros([0, 3])
    with tf.GradientTape() as tape:
        tape.watch(probabilities)
        loss = load_balance(probabilities, tf.zeros([0], tf.int32), 3)
    assert float(loss) == 0.0
    assert np.isfinite(tape.gradient(loss, probabilities)).all()


def test_probabilities_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"must be \[N, 3\]. Received: shape=\(1, 2\)"):
        load_balance([[0.5, 0.5]], [0], 3)
