import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from mos_tf.losses import request_softmax


def oracle(labels, logits, rows, num_rows) -> float:
    """Request after request."""
    losses = []
    for row in range(num_rows):
        own = rows == row
        if labels[own].sum() > 0:
            losses.append(-(labels[own] * log_softmax(logits[own].astype(np.float64))).sum() / labels[own].sum())
    return float(np.mean(losses)) if losses else 0.0


candidates = st.lists(
    st.tuples(st.integers(0, 1), st.floats(-100, 100), st.integers(0, 4), st.floats(-10, 0)), min_size=1, max_size=40
)


@given(candidates)
def test_it_is_softmax_cross_entropy_request_by_request_in_any_order(candidates):
    labels, logits, rows, log_q = np.array(candidates, dtype=np.float32).T
    rows = rows.astype(np.int64)
    np.testing.assert_allclose(
        request_softmax(labels, logits, rows, 5), oracle(labels, logits, rows, 5), rtol=1e-5, atol=1e-5
    )
    corrected = request_softmax(labels, logits, rows, 5, log_sampling_probability=log_q)
    np.testing.assert_allclose(corrected, oracle(labels, logits - log_q, rows, 5), rtol=1e-5, atol=1e-5)


def test_a_positive_beside_one_equal_negative_costs_log_2_whatever_other_requests_hold():
    assert float(request_softmax([1, 0, 0], [3.0, 3.0, 90.0], [0, 0, 1], 3)) == pytest.approx(np.log(2))


def test_the_correction_makes_sampled_negatives_stand_for_the_catalogue():
    # 1,000 negatives of logit 0, of which each was drawn with probability 1/100.
    whole = request_softmax([1] + [0] * 1000, [2.0] + [0.0] * 1000, [0] * 1001, 1)
    sampled = request_softmax(
        [1] + [0] * 10, [2.0] + [0.0] * 10, [0] * 11, 1, log_sampling_probability=[0.0] + [np.log(0.01)] * 10
    )
    assert float(sampled) == pytest.approx(float(whole), rel=1e-6)


def test_requests_may_be_batched_together_or_apart():
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 8, 60)
    labels, logits = (rows % 2 == 0) * rng.integers(0, 2, 60), rng.normal(size=60)
    labels[[np.flatnonzero(rows == row)[0] for row in (0, 2, 4, 6)]] = 1
    apart = [
        float(request_softmax(labels[rows == row], logits[rows == row], [0] * sum(rows == row), 1)) for row in range(8)
    ]
    assert float(request_softmax(labels, logits, rows, 8)) == pytest.approx(sum(apart) / 4, rel=1e-5)


def test_gradients_are_finite_at_extreme_logits_and_beside_empty_requests():
    logits = tf.constant([-100.0, 100.0, 100.0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = request_softmax([1, 0, 0], logits, [1, 1, 3], 5)
    assert float(loss) == 200.0
    np.testing.assert_allclose(tape.gradient(loss, logits), [-1, 1, 0], atol=1e-6)


def test_half_precision_gives_a_float32_loss():
    logits = np.zeros(4096, np.float16)
    labels = np.eye(1, 4096, dtype=np.float16)[0]
    loss = request_softmax(labels, logits, np.zeros(4096, np.int32), 1)
    assert loss.dtype == tf.float32
    assert float(loss) == pytest.approx(np.log(4096))


@pytest.mark.parametrize("num_rows", [0, 3])
def test_no_candidate_costs_nothing(num_rows):
    logits = tf.zeros([0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = request_softmax(tf.zeros([0]), logits, tf.zeros([0], tf.int64), num_rows)
    assert float(loss) == 0.0
    assert tape.gradient(loss, logits).shape == (0,)


def test_the_number_of_requests_may_be_a_tensor():
    loss = tf.function(request_softmax)
    assert float(loss([1.0, 0.0], [0.0, 0.0], [0, 0], tf.constant(2))) == pytest.approx(np.log(2))


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="logits of 2, log_sampling_probability of 1"):
        request_softmax([1, 0], [0.0, 0.0], [0, 0], 1, log_sampling_probability=[0.0])
