import numpy as np
import pandas as pd
import pytest

from mos_tf.errors import MosError
from mos_tf.insight.figures.style import THEME_COLOURS
from mos_tf.insight.figures.timelines import theme_colours
from mos_tf.insight.timelines import LANES, contrasting_users, timeline

WEEK = 604_800


def test_events_are_counted_by_theme_and_week():
    events = pd.DataFrame(
        {
            "user_id": ["u", "u", "u", "u", "v"],
            "timestamp": [0, 10, WEEK, WEEK + 1, 60 * WEEK],
            "theme": [3, 3, 3, 5, 1],
            "session_id": ["a", "a", "b", "b", "c"],
        }
    )
    found = timeline(events, "u")
    assert (found.num_events, found.num_sessions, found.num_themes, found.step) == (4, 2, 2, "week")
    assert found.lanes == (3, 5)
    assert found.dots.values.tolist() == [
        [3, pd.Timestamp("1970-01-01"), 2],
        [3, pd.Timestamp("1970-01-08"), 1],
        [5, pd.Timestamp("1970-01-08"), 1],
    ]
    # Three quarters and one quarter: exp(-3/4 ln 3/4 - 1/4 ln 1/4).
    assert found.effective_themes == pytest.approx(4 / 3**0.75)
    assert (found.start, found.end) == (pd.Timestamp("1969-12-25"), pd.Timestamp(61 * WEEK, unit="s"))


@pytest.mark.parametrize(("seconds", "step"), [(3600 * 50, "hour"), (86_400 * 50, "day"), (WEEK * 50, "week")])
def test_the_step_suits_the_span_of_the_log(seconds, step):
    events = pd.DataFrame({"user_id": ["u", "u"], "timestamp": [0, seconds], "theme": [1, 1]})
    assert timeline(events, "u").step == step


def test_rare_themes_share_one_lane():
    themes = np.repeat(np.arange(LANES + 2), range(LANES + 2, 0, -1))
    events = pd.DataFrame({"user_id": "u", "timestamp": np.arange(len(themes)), "theme": themes})
    found = timeline(events, "u")
    assert found.lanes == tuple(range(LANES))
    assert found.dots.loc[found.dots["theme"] == -1, "events"].sum() == 2 + 1


def test_a_user_without_events_is_an_error():
    with pytest.raises(MosError, match="user 'w'"):
        timeline(pd.DataFrame({"user_id": ["u"], "timestamp": [0], "theme": [1]}), "w")


def log_of(**themes_of_user):
    """Users with 240 events each, spread evenly over that many themes."""
    return pd.concat(
        pd.DataFrame({"user_id": user, "theme": np.arange(240) % number}) for user, number in themes_of_user.items()
    )


def test_users_are_chosen_from_few_themes_to_many():
    log = log_of(**{f"u{number:02}": number for number in range(1, 25)})
    few, middle, many = contrasting_users(log)
    assert few == "u05"  # of u04 to u24: users of fewer than four themes are left out
    assert middle == "u14"
    assert many == "u23"
    assert contrasting_users(log, first="u07") == ["u07", "u04", "u23"]


def test_short_histories_are_taken_where_there_are_no_long_ones():
    log = pd.DataFrame({"user_id": ["a", "a", "b", "b", "c", "d"], "theme": [1, 2, 1, 1, 1, 1]})
    assert contrasting_users(log) == ["b", "c", "d"]
    assert contrasting_users(pd.DataFrame({"user_id": ["a"], "theme": [1]}), first="a") == ["a"]


def test_a_theme_keeps_its_colour_and_lanes_of_one_timeline_differ():
    themes = {"u": range(0, 7), "v": range(4, 11), "w": range(8, 15)}
    events = pd.concat(
        pd.DataFrame({"user_id": user, "timestamp": 0, "theme": list(lanes)}) for user, lanes in themes.items()
    )
    timelines = [timeline(events, user) for user in themes]
    colours = theme_colours(timelines)
    assert set(colours.values()) <= set(THEME_COLOURS)
    for found in timelines:
        assert len({colours[theme] for theme in found.lanes}) == LANES
