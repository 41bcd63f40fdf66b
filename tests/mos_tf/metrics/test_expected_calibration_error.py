import pytest

from mos_tf.metrics import ExpectedCalibrationError


def test_errors_in_different_bins_do_not_cancel_but_in_one_bin_they_do():
    labels, probabilities = [1, 0], [0.25, 0.75]
    one, two = ExpectedCalibrationError(num_bins=1), ExpectedCalibrationError(num_bins=2)
    one.update_state(labels, probabilities)
    two.update_state(labels, probabilities)
    assert float(one.result()) == 0.0
    assert float(two.result()) == 0.75


def test_a_bin_holds_its_lower_end_and_the_last_one_1_as_well():
    metric = ExpectedCalibrationError(num_bins=4)
    metric.update_state([0, 0, 0], [0.25, 0.5, 1.0])
    assert metric.gaps.numpy().tolist() == [0.0, -0.25, -0.5, -1.0]


def test_no_bin_is_refused():
    with pytest.raises(ValueError, match="num_bins must be at least 1. Received: num_bins=0"):
        ExpectedCalibrationError(num_bins=0)
