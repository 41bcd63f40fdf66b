from math import exp, isnan, log

import numpy as np
import pytest

from mos_tf.insight.focus import session_focus


def focus_of(*sessions):
    """Sessions as (user, categories), in order."""
    user = [user for user, categories in sessions for _ in categories]
    session = [number for number, (_, categories) in enumerate(sessions) for _ in categories]
    label = [ord(category) for _, categories in sessions for category in categories]
    return session_focus(np.array(user), np.array(session), np.array(label))


def test_the_top_category_is_the_most_frequent_and_of_equals_the_first():
    focus = focus_of((0, "aabbc"), (0, "bcc"), (0, "b"), (0, "a"), (1, "a"))
    # Tops: a, c, b, a, and a of another user. Only the first session is long enough, with 2 of 5.
    assert focus.top_share == pytest.approx(2 / 5)
    assert focus.next_keeps_top == 0
    assert (focus.returns, focus.return_lags["p50"]) == (1 / 5, 3)


def test_the_session_before_is_a_return_of_lag_one():
    focus = focus_of((0, "a"), (0, "a"), (0, "b"), (0, "a"))
    assert focus.next_keeps_top == pytest.approx(1 / 3)
    assert focus.returns == pytest.approx(2 / 4)
    assert focus.return_lags["mean"] == pytest.approx((1 + 2) / 2)


def test_effective_categories_are_the_mean_of_the_exponential_entropy():
    focus = focus_of((0, "ab"), (1, "aaab"))
    entropy = -(3 / 4 * log(3 / 4) + 1 / 4 * log(1 / 4))
    assert focus.effective_categories == pytest.approx((2 + exp(entropy)) / 2)


def test_what_does_not_occur_has_no_figure():
    focus = focus_of((0, "a"))
    assert isnan(focus.top_share) and isnan(focus.next_keeps_top) and isnan(focus.return_lags["p90"])
    assert focus.returns == 0
