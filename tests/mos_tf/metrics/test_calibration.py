import numpy as np

from mos_tf.metrics import Calibration


def test_above_1_the_model_promises_too_much():
    metric = Calibration()
    metric.update_state([1, 0], [0.75, 0.25])
    metric.update_state([0, 0], [0.25, 0.25])
    assert float(metric.result()) == 1.5


def test_weights_undo_negative_sampling():
    metric = Calibration()
    metric.update_state([1, 0], [0.5, 0.125], sample_weight=[1, 4])  # the one negative kept of four
    assert float(metric.result()) == 1.0


def test_without_a_positive_there_is_nothing_to_compare_with():
    metric = Calibration()
    metric.update_state([0, 0], [0.5, 0.5])
    assert np.isnan(float(metric.result()))
