from itertools import permutations, product
from math import isnan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.errors import DataError
from mos_tf.insight.hopping import session_hopping


def log(*rows):
    """Rows of (user, session, timestamp, category)."""
    return pd.DataFrame(rows, columns=["user_id", "session_id", "timestamp", "category"])


def test_neighbours_are_told_apart_by_the_session_they_lie_in():
    hopping = session_hopping(
        log(
            ("u", "s1", 10, "tea"),
            ("u", "s1", 11, "tea"),
            ("u", "s1", 12, "jam"),
            ("u", "s2", 20, "jam"),
            ("u", "s2", 21, "tea"),
            ("v", "s3", 10, "jam"),
        ),
        "category",
    )
    # Inside: tea-tea, tea-jam, jam-tea. Across: jam-jam; v begins no pair with u.
    assert hopping.same_session == pytest.approx(1 / 3)
    assert hopping.across_sessions == 1
    assert hopping.pairs == {"same_session": 3, "across_sessions": 1}
    # u has 3 tea and 2 jam: (3 * 2 + 2 * 1) / (5 * 4); v has one event and so no pair.
    assert hopping.random_same_user == pytest.approx(8 / 20)
    # u's 2 jams meet v's jam, v's jam meets a jam in 2 of 5: (2 * 1 + 2 / 5) / 6.
    assert hopping.other_users == pytest.approx(2.4 / 6)
    assert hopping.session_lengths["mean"] == 2
    assert hopping.session_lengths["p50"] == 2
    assert hopping.sessions_per_user["mean"] == 1.5


def test_order_inside_one_instant_counts_for_nothing():
    # Two of three agree: of the 2 neighbours, expected 2 * (2 * 1) / (3 * 2). Across: 2 of 3 teas meet a tea in 1 of 2.
    rows = [
        ("u", "s1", 5, "tea"),
        ("u", "s1", 5, "tea"),
        ("u", "s1", 5, "jam"),
        ("u", "s2", 9, "tea"),
        ("u", "s2", 9, "ice"),
    ]
    for order in permutations(rows):
        hopping = session_hopping(log(*order), "category")
        assert hopping.same_session == pytest.approx((2 / 3 + 0) / 3)
        assert hopping.across_sessions == pytest.approx(2 / 3 * 1 / 2)


def test_a_pause_longer_than_the_gap_begins_a_session_where_none_is_given():
    events = log(("u", None, 0, "a"), ("u", None, 1800, "a"), ("u", None, 3601, "a"))
    assert session_hopping(events, "category").pairs == {"same_session": 1, "across_sessions": 1}
    assert session_hopping(events, "category", gap_seconds=60).pairs == {"same_session": 0, "across_sessions": 2}
    assert session_hopping(events.drop(columns="session_id"), "category").pairs["same_session"] == 1


def test_sessions_that_overlap_in_time_stay_whole():
    hopping = session_hopping(
        log(("u", "tv", 1, "a"), ("u", "phone", 2, "b"), ("u", "tv", 3, "a"), ("u", "phone", 4, "b")), "category"
    )
    assert (hopping.same_session, hopping.across_sessions) == (1, 0)


def test_the_same_session_id_of_two_users_is_two_sessions():
    assert session_hopping(log(("u", "1", 1, "a"), ("v", "1", 2, "a")), "category").session_lengths["mean"] == 1


def test_events_without_a_category_are_left_out():
    with_gaps = log(("u", "s", 1, "a"), ("u", "s", 2, None), ("u", "s", 3, ""), ("u", "s", 4, "a"))
    assert session_hopping(with_gaps, "category").same_session == 1


def test_a_share_without_any_pair_is_nan():
    hopping = session_hopping(log(("u", "s", 1, "a")), "category")
    assert all(
        isnan(share)
        for share in (hopping.same_session, hopping.across_sessions, hopping.random_same_user, hopping.other_users)
    )
    assert hopping.pairs == {"same_session": 0, "across_sessions": 0}


def test_agreement_by_the_time_between_neighbours():
    hopping = session_hopping(
        log(
            ("u", "1", 0, "a"),
            ("u", "1", 0, "a"),  # one instant: no time between them
            ("u", "1", 59, "b"),
            ("u", "1", 119, "b"),
            ("u", "2", 119 + 3_600, "b"),
            ("v", "3", 119 + 3_600, "b"),
            ("u", "4", 119 + 90_000, "a"),
            ("u", "4", 119 + 90_300, "b"),
        ),
        "category",
    )
    found = {gap: share for gap, share in hopping.by_gap.items() if not isnan(share)}
    # 3,719 to 90,119 are 86,400 seconds, the first gap of more than a day.
    assert found == {"< 1 min": 0.5, "1-5 min": 1, "5-10 min": 0, "1-4 h": 1, "> 1 day": 0}


def test_missing_columns_and_an_empty_category_are_named():
    with pytest.raises(DataError, match="colour"):
        session_hopping(log(("u", "s", 1, "a")), "colour")
    with pytest.raises(DataError, match="none in column 'category'"):
        session_hopping(log(("u", "s", 1, None)), "category")


EVENTS = st.lists(
    st.tuples(st.sampled_from("uvw"), st.sampled_from("12"), st.integers(0, 2), st.sampled_from("abc")),
    min_size=1,
    max_size=7,
)


@given(EVENTS)
def test_shares_are_the_mean_over_all_orders_of_each_instant(rows):
    expected_same, expected_across = mean_over_all_orders(rows)
    hopping = session_hopping(log(*rows), "category")
    assert hopping.same_session == pytest.approx(expected_same, nan_ok=True)
    assert hopping.across_sessions == pytest.approx(expected_across, nan_ok=True)
    assert hopping.random_same_user == pytest.approx(mean_by_event(rows, lambda a, b: a[0] == b[0]), nan_ok=True)
    assert hopping.other_users == pytest.approx(mean_by_event(rows, lambda a, b: a[0] != b[0]), nan_ok=True)


def mean_over_all_orders(rows):
    """Slow oracle: writes every order out and counts neighbours."""
    start = {}
    for user, session, time, _ in rows:
        start[user, session] = min(time, start.get((user, session), time))
    seen = list(dict.fromkeys(session for _, session, _, _ in rows))  # the order of sessions that start together
    instants = {}
    for row in sorted(rows, key=lambda r: (r[0], start[r[:2]], seen.index(r[1]), r[2])):
        instants.setdefault((row[0], row[1], row[2]), []).append(row)
    shares = []
    for orders in product(*(permutations(instant) for instant in instants.values())):
        line = [row for order in orders for row in order]
        pairs = [(a, b) for a, b in zip(line, line[1:], strict=False) if a[0] == b[0]]
        same = [a[3] == b[3] for a, b in pairs if a[1] == b[1]]
        across = [a[3] == b[3] for a, b in pairs if a[1] != b[1]]
        shares.append((np.mean(same) if same else np.nan, np.mean(across) if across else np.nan))
    return np.mean(shares, axis=0)


def mean_by_event(rows, comparable):
    shares = []
    for i, row in enumerate(rows):
        agree = [row[3] == other[3] for j, other in enumerate(rows) if i != j and comparable(row, other)]
        shares += [np.mean(agree)] if agree else []
    return np.mean(shares) if shares else np.nan
