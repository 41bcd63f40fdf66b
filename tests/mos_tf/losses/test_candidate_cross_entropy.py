import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.losses import candidate_cross_entropy


def oracle(labels, logits, positive_weight, weights):
    """By probabilities, in float64, as the definition says."""
    probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
    losses = -positive_weight * labels * np.log(probabilities) - (1 - labels) * np.log(1 - probabilities)
    return np.average(losses, weights=weights)


candidates = st.lists(st.tuples(st.integers(0, 1), st.floats(-12, 12), st.floats(0.1, 5)), min_size=1, max_size=30)


@given(candidates, st.floats(0.1, 10))
def test_it_is_the_weighted_mean_of_negative_log_likelihoods(candidates, positive_weight):
    labels, logits, weights = np.array(candidates, dtype=np.float32).T
    loss = candidate_cross_entropy(labels, logits, positive_weight=positive_weight, sample_weight=weights)
    np.testing.assert_allclose(loss, oracle(labels, logits, positive_weight, weights), rtol=1e-5, atol=1e-6)


def test_batches_recombine_by_their_weight():
    rng = np.random.default_rng(0)
    labels, logits, weights = rng.integers(0, 2, 50), rng.normal(size=50), rng.random(50)
    parts = [
        (float(candidate_cross_entropy(labels[p], logits[p], positive_weight=3, sample_weight=weights[p])), weights[p])
        for p in (slice(0, 7), slice(7, 8), slice(8, 50))
    ]
    whole = candidate_cross_entropy(labels, logits, positive_weight=3, sample_weight=weights)
    assert sum(loss * part.sum() for loss, part in parts) / weights.sum() == pytest.approx(float(whole), rel=1e-5)


def test_logits_of_100_cost_100_where_wrong_and_keep_a_gradient():
    logits = tf.constant([100.0, -100.0, 100.0, -100.0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = candidate_cross_entropy([0, 1, 1, 0], logits)
    assert float(loss) == 50.0
    np.testing.assert_allclose(tape.gradient(loss, logits), [0.25, -0.25, 0, 0], atol=1e-6)


def test_half_precision_is_lifted_before_it_is_summed():
    logits = np.full(4000, 100, dtype=np.float16)  # whose sum, 400,000, is beyond float16
    loss = candidate_cross_entropy(np.zeros(4000, np.float16), logits)
    assert loss.dtype == tf.float32
    assert float(loss) == 100.0


@pytest.mark.parametrize("weights", [None, []])
def test_an_empty_batch_costs_nothing(weights):
    logits = tf.zeros([0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = candidate_cross_entropy(tf.zeros([0]), logits, sample_weight=weights)
    assert float(loss) == 0.0
    assert tape.gradient(loss, logits).shape == (0,)


def test_weights_of_0_cost_nothing():
    assert float(candidate_cross_entropy([1, 0], [-3.0, 3.0], sample_weight=[0, 0])) == 0.0


def test_a_length_unknown_until_run_is_no_obstacle():
    loss = tf.function(candidate_cross_entropy, input_signature=[tf.TensorSpec([None]), tf.TensorSpec([None])])
    assert float(loss(tf.constant([1.0]), tf.constant([0.0]))) == pytest.approx(np.log(2))
    assert float(loss(tf.zeros([0]), tf.zeros([0]))) == 0.0


def test_unequal_lengths_are_refused_even_where_they_would_broadcast():
    with pytest.raises(ValueError, match="one value a candidate. Received: labels of 2, logits of 1"):
        candidate_cross_entropy([1, 0], [0.5], sample_weight=[1.0, 1.0])
