import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from mos_tf.metrics import AUC


@given(st.integers(2, 200), st.floats(0.001, 20), st.floats(-20, 20), st.integers(2, 300), st.integers(0, 2**32 - 1))
def test_the_error_is_within_its_bound(size, spread, centre, num_bins, seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(size) % 2
    probabilities = 1 / (1 + np.exp(-(centre + spread * (rng.normal(size=size) + labels))))
    metric = AUC(num_bins)
    metric.update_state(labels, probabilities)
    error = abs(float(metric.result()) - roc_auc_score(labels, probabilities))
    assert error <= float(metric.error_bound()) + 1e-12


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_the_bound_is_3e_4_by_the_spread_of_the_logits_and_the_error_far_less(spread):
    rng = np.random.default_rng(0)
    labels = rng.random(200_000) < 0.02
    probabilities = 1 / (1 + np.exp(6 - spread * rng.normal(size=200_000)))  # a click in 400
    metric = AUC()
    metric.update_state(labels, probabilities)
    assert float(metric.error_bound()) == pytest.approx(2.75e-4 / spread, rel=0.05)
    assert abs(float(metric.result()) - roc_auc_score(labels, probabilities)) < 0.05 * float(metric.error_bound())


def test_what_is_beyond_the_outer_bins_falls_into_them():
    metric = AUC()
    metric.update_state([0, 0, 1, 1], [0.0, 1e-9, 1.0, 0.5])
    assert float(metric.result()) == 1.0
    assert float(metric.error_bound()) == 0.0


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_gives_0(label):
    metric = AUC()
    metric.update_state([label, label], [0.1, 0.9])
    assert (float(metric.result()), float(metric.error_bound())) == (0.0, 0.0)


def test_a_logit_taken_for_a_probability_is_not_overlooked():
    metric = AUC()
    metric.update_state([1, 0], [2.5, -1.0])
    assert np.isnan(float(metric.result()))


def test_one_bin_is_refused():
    with pytest.raises(ValueError, match="num_bins must be at least 2. Received: num_bins=1"):
        AUC(num_bins=1)
