import numpy as np
import pytest

from mos_tf.metrics import LogLoss


def test_it_is_worked_out_by_hand():
    metric = LogLoss()
    metric.update_state([1, 0], [0.25, 0.5])
    assert float(metric.result()) == pytest.approx((np.log(4) + np.log(2)) / 2)


def test_one_sure_mistake_costs_16_nats_and_not_infinity():
    metric = LogLoss()
    metric.update_state([1], [0.0])
    assert float(metric.result()) == pytest.approx(np.log(1e7))
