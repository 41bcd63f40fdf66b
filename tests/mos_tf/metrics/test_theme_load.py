import numpy as np
import pytest

from mos_tf.metrics import ThemeLoad


def test_an_even_load_has_the_entropy_of_a_fair_die():
    metric = ThemeLoad(4)
    metric.update_state(np.array([0, 1]))
    metric.update_state(np.array([2, 3]))
    result = {name: float(value) for name, value in metric.result().items()}
    assert result == pytest.approx({"theme_entropy": np.log(4), "theme_max_share": 0.25, "theme_unused": 0})


def test_events_without_a_theme_count_in_the_shares_but_not_as_a_theme():
    metric = ThemeLoad(2)
    metric.update_state(np.array([2, 2, 0, 2]))
    np.testing.assert_allclose(metric.shares(), [0.25, 0, 0.75])
    assert float(metric.result()["theme_unused"]) == 1


def test_no_event_is_no_nan():
    assert float(ThemeLoad(3).result()["theme_entropy"]) == 0
