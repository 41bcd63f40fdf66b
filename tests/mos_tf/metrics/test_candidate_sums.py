"""What all metrics that are sums over candidates have in common."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import log_loss, roc_auc_score

from mos_tf.metrics import AUC, Calibration, ExpectedCalibrationError, LogLoss, NormalizedEntropy


def normalized_entropy(labels, probabilities, weights):
    base = np.full(len(labels), np.average(labels, weights=weights))
    return log_loss(labels, probabilities, sample_weight=weights) / log_loss(labels, base, sample_weight=weights)


def calibration_error(labels, probabilities, weights, num_bins=15):
    bins = np.minimum((probabilities * num_bins).astype(int), num_bins - 1)
    gaps = [abs(np.sum((weights * (labels - probabilities))[bins == b])) for b in range(num_bins)]
    return sum(gaps) / np.sum(weights)


ORACLES = {
    AUC: lambda labels, probabilities, weights: roc_auc_score(labels, probabilities, sample_weight=weights),
    Calibration: lambda labels, probabilities, weights: (weights @ probabilities) / (weights @ labels),
    ExpectedCalibrationError: calibration_error,
    LogLoss: lambda labels, probabilities, weights: log_loss(labels, probabilities, sample_weight=weights),
    NormalizedEntropy: normalized_entropy,
}
# The histogram is exact on scores that it can tell apart, here 900 values of far larger distance than a bin.
SCORES = 1 / (1 + np.exp(-np.linspace(-6, 3, 900)))

every_metric = pytest.mark.parametrize("metric", ORACLES)


def candidates(size, seed=0):
    rng = np.random.default_rng(seed)
    probabilities = SCORES[rng.integers(0, len(SCORES), size)].astype(np.float32)
    labels = (rng.random(size) < probabilities**1.2).astype(np.float32)
    labels[:2] = 0, 1
    return labels, probabilities, rng.integers(0, 4, size).astype(np.float32) + 0.5


def in_double(arrays):
    return [array.astype(np.float64) for array in arrays]


@every_metric
@pytest.mark.parametrize("seed", range(5))
def test_it_equals_its_definition_however_candidates_are_batched(metric, seed):
    arrays = candidates(2000, seed)
    streamed, whole, unweighted = metric(), metric(), metric()
    whole.update_state(*arrays)
    unweighted.update_state(*arrays[:2])
    for start, end in ((0, 1), (1, 1), (1, 700), (700, 2000)):
        streamed.update_state(*(array[start:end] for array in arrays))
    labels, probabilities, weights = in_double(arrays)
    np.testing.assert_allclose(whole.result(), ORACLES[metric](labels, probabilities, weights), rtol=0, atol=1e-6)
    np.testing.assert_allclose(streamed.result(), whole.result(), rtol=1e-12)
    expected = ORACLES[metric](labels, probabilities, np.ones_like(weights))
    np.testing.assert_allclose(unweighted.result(), expected, rtol=0, atol=1e-6)


@every_metric
def test_a_weight_of_2_is_the_candidate_twice(metric):
    weighted, twice = metric(), metric()
    weighted.update_state([1, 0, 0], [0.5, 0.25, 0.75], sample_weight=[1, 1, 2])
    twice.update_state([1, 0, 0, 0], [0.5, 0.25, 0.75, 0.75])
    assert float(weighted.result()) == pytest.approx(float(twice.result()), rel=1e-12)


@every_metric
@pytest.mark.parametrize("weights", [[], [0.0, 0.0]])
def test_with_nothing_to_judge_it_cannot_be_taken_for_good(metric, weights):
    found = metric()
    found.update_state(np.zeros(len(weights)), np.full(len(weights), 0.5), sample_weight=weights)
    expected = 0.0 if metric is AUC else np.nan
    np.testing.assert_equal(float(found.result()), expected)


@every_metric
def test_a_prediction_that_is_no_number_is_not_overlooked(metric):
    found = metric()
    found.update_state([1, 0, 1], [0.5, 0.5, np.nan])
    assert np.isnan(float(found.result()))


@every_metric
@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([1, 0], [3.0, -2.0]),  # logits
        ([1, 1], [0.9, 1.5]),
        ([0, 1], [-0.25, 0.9]),
        ([2, 0], [0.9, 0.1]),
        ([1, -1], [0.9, 0.1]),
        ([1, np.nan], [0.9, 0.1]),
    ],
)
@pytest.mark.parametrize("in_graph", [False, True])
def test_what_is_no_probability_or_no_label_cannot_be_taken_for_good(metric, labels, scores, in_graph):
    found = metric()
    update = tf.function(found.update_state) if in_graph else found.update_state
    update(tf.constant(labels, tf.float32), tf.constant(scores))
    update(tf.constant([1.0, 0.0]), tf.constant([0.75, 0.25]))
    assert np.isnan(float(found.result()))
    found.reset_state()
    update(tf.constant([1.0, 0.0]), tf.constant([0.75, 0.25]))
    assert np.isfinite(float(found.result()))


@every_metric
def test_sure_predictions_give_a_number(metric):
    found = metric()
    found.update_state([1, 0, 1, 0], [1.0, 0.0, 0.0, 1.0])
    assert np.isfinite(float(found.result()))


@every_metric
def test_half_precision_is_lifted_before_it_is_summed(metric):
    labels, probabilities, weights = candidates(5000)
    half = tf.constant(probabilities, tf.float16)
    found = metric()
    found.update_state(labels, half)
    exact = half.numpy().astype(np.float64)
    expected = ORACLES[metric](labels.astype(np.float64), exact, np.ones(5000))
    np.testing.assert_allclose(found.result(), expected, rtol=0, atol=1e-5 if metric is AUC else 1e-6)


@every_metric
def test_it_forgets_and_reloads(metric):
    arrays = candidates(50)
    found = metric(name="mine")
    found.update_state(*arrays)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(found))
    assert type(copy) is metric
    assert copy.get_config() == found.get_config()
    copy.update_state(*arrays)
    assert float(copy.result()) == float(found.result())
    found.reset_state()
    assert not any(np.any(variable.numpy()) for variable in found.variables)


@every_metric
def test_unequal_lengths_are_refused(metric):
    with pytest.raises(ValueError, match="one value a candidate. Received: y_true of 2, y_pred of 1"):
        metric().update_state([1, 0], [0.5])


def stream(metric, arrays, batch_size):
    """Updates a metric batch after batch inside a graph, the last batch smaller."""
    batches = tf.data.Dataset.from_tensor_slices(arrays).batch(batch_size)
    specs = [tf.TensorSpec([None], tf.float32)] * len(arrays)
    update = tf.function(metric.update_state, input_signature=specs)
    for batch in batches:
        update(*batch)


@every_metric
def test_a_candidate_still_counts_after_as_many_as_float32_can_count(metric):
    found = metric()
    found.update_state([1, 0], [0.25, 0.75], sample_weight=[2.0**25, 2.0**25])
    before = [variable.numpy().copy() for variable in found.variables]
    stream(found, (np.array([1, 0], np.float32), np.array([0.25, 0.75], np.float32)), batch_size=1)
    for variable, old in zip(found.variables, before, strict=True):
        changed = variable.numpy() != old
        np.testing.assert_array_equal(changed, old != 0)


@pytest.mark.slow
@every_metric
def test_ten_million_candidates_do_not_drift(metric):
    arrays = candidates(10**7 + 3)
    found = metric()
    stream(found, arrays, batch_size=10_000)
    np.testing.assert_allclose(found.result(), ORACLES[metric](*in_double(arrays)), rtol=0, atol=1e-6)
