import numpy as np
import pytest

from mos_tf.metrics import NormalizedEntropy


def test_the_base_rate_scores_1_and_knowing_better_less():
    base, better = NormalizedEntropy(), NormalizedEntropy()
    base.update_state([1, 0, 0, 0, 0], [0.2] * 5)
    better.update_state([1, 0, 0, 0, 0], [0.5, 0.1, 0.1, 0.1, 0.1])
    assert float(base.result()) == pytest.approx(1.0, abs=1e-7)
    entropy = np.log(5) / 5 + 0.8 * np.log(1.25)
    assert float(better.result()) == pytest.approx((np.log(2) + 4 * np.log(1 / 0.9)) / 5 / entropy, abs=1e-7)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_has_no_entropy_to_compare_with(label):
    metric = NormalizedEntropy()
    metric.update_state([label] * 3, [0.1] * 3)
    assert np.isnan(float(metric.result()))
