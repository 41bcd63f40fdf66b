import datetime
import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.datasets.config import RowRules
from mos_tf.datasets.events import (
    by_user,
    check_bad_share,
    dead_letter,
    drop_duplicates,
    duplicates,
    parse_time,
    reason_for,
    rows_of,
    sampled_users,
    sift,
)
from mos_tf.errors import DataError
from mos_tf.privacy import hash_user
from tests.support.small_log import config, event

RULES = RowRules(start=100, end=200, event_types=("purchase", "click"))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"timestamp": 100}, None),
        ({"timestamp": "150"}, None),
        ({"user_id": 7, "item_id": 8}, None),
        ({"user_id": None}, "missing_user"),
        ({"user_id": " "}, "missing_user"),
        ({"user_id": float("nan")}, "missing_user"),
        ({"item_id": ""}, "missing_item"),
        ({"timestamp": "soon"}, "bad_timestamp"),
        ({"timestamp": None}, "bad_timestamp"),
        ({"timestamp": 99}, "out_of_range"),
        ({"timestamp": 200}, "out_of_range"),
        ({"event_type": "glance"}, "unknown_event_type"),
        ({"event_type": None}, "unknown_event_type"),
    ],
)
def test_a_row_breaks_the_first_rule_that_names_it(changed, reason):
    assert reason_for({**event("anna", "tea", 150), **changed}, RULES) == reason


def test_without_bounds_and_types_any_time_and_type_will_do():
    assert reason_for({"user_id": "u", "item_id": "i", "timestamp": 5}, RowRules()) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0),
        (np.int64(12), 12),
        (1483271606.9, 1483271606),
        ("1483271606", 1483271606),
        (" 12.5 ", 12),
        (-1, None),
        ("", None),
        ("2017-01-01", None),
        (datetime.datetime(2017, 1, 1), None),
        (float("nan"), None),
        (float("inf"), None),
        (1483271606000, None),  # milliseconds: the year 48972
    ],
)
def test_a_time_is_whole_unix_seconds_of_a_four_digit_year(value, seconds):
    assert parse_time(value) == seconds


def test_a_dead_letter_is_json_and_hashes_the_user():
    letter = dead_letter({"user_id": "anna", "item_id": 3, "timestamp": float("nan"), "more": None}, "bad_timestamp")
    assert json.loads(json.dumps(letter)) == {
        "reason": "bad_timestamp",
        "row": {"user_id": hash_user("anna"), "item_id": 3, "timestamp": "nan", "more": None},
    }
    assert dead_letter({"user_id": None}, "missing_user")["row"] == {"user_id": ""}


ids = st.sampled_from(["anna", "7", "-", " ", "", "\u00e9", "\x1c", None])
times = st.sampled_from([-1, 0, 99, 100, 150, 199, 200, 1483271606000, None])


@given(
    st.lists(st.tuples(ids, ids, times, st.sampled_from(["click", "glance", None])), max_size=8),
    st.sampled_from([RULES, RowRules(), RowRules(start=-5, end=150)]),
    st.sampled_from([pa.int64(), pa.float64(), pa.string()]),
)
def test_sifting_whole_columns_decides_as_row_by_row(rows, rules, time_type):
    columns = dict(zip(("user_id", "item_id", "timestamp", "event_type"), zip(*rows, strict=True), strict=False))
    table = pa.table(
        {
            name: pa.array(columns.get(name, ()), pa.int64()).cast(time_type)
            if name == "timestamp"
            else pa.array(columns.get(name, ()), pa.string())
            for name in ("user_id", "item_id", "timestamp", "event_type")
        }
    )
    events, letters = sift(table, rules)
    one_by_one = [(row, reason_for(row, rules)) for row in table.to_pylist()]
    good = [{**row, "timestamp": parse_time(row["timestamp"])} for row, reason in one_by_one if reason is None]
    assert events.to_pylist() == good
    expected = [dead_letter(row, reason) for row, reason in one_by_one if reason is not None]
    assert json.dumps(letters) == json.dumps(expected)


def test_sifting_parts_events_from_dead_letters_and_settles_types():
    rows = pa.table(
        {
            "user_id": [1, 2, None],
            "item_id": [10, 20, 30],
            "timestamp": ["150", "soon", "150.7"],
            "event_type": ["click"] * 3,
            "price": [0.5, 1.5, 2.5],
        }
    )
    events, letters = sift(rows, RULES)
    assert events.to_pylist() == [
        {"user_id": "1", "item_id": "10", "timestamp": 150, "event_type": "click", "price": 0.5}
    ]
    assert events.schema.field("timestamp").type == pa.int64()
    assert [letter["reason"] for letter in letters] == ["bad_timestamp", "missing_user"]
    assert letters[0]["row"] == {**rows.to_pylist()[1], "user_id": hash_user("2")}


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match=r"Missing: \['timestamp', 'event_type'\]"):
        sift(pa.table({"user_id": ["u"], "item_id": ["i"]}), RULES)


def test_a_duplicate_equals_an_earlier_row_in_every_column():
    columns = {"item_id": ["a", "a", "a", "a"], "timestamp": [1, 1, 2, 1], "tag": [None, None, None, "x"]}
    assert duplicates({name: np.array(values, dtype=object) for name, values in columns.items()}).tolist() == [
        False,
        True,
        False,
        False,
    ]


def test_dropping_duplicates_keeps_one_and_gives_the_others_as_dead_letters():
    rows = [event("anna", "tea", 1), event("bert", "tea", 1), event("anna", "tea", 1)]
    kept, letters = drop_duplicates(pa.Table.from_pylist(rows))
    assert kept.to_pylist() == rows[:2]
    assert [(letter["reason"], letter["row"]["user_id"]) for letter in letters] == [("duplicate", hash_user("anna"))]


def test_walking_users_gives_each_ones_columns():
    rows = [event("anna", "tea", 1), event("anna", "milk", 2), event("bert", "soap", 3)]
    walked = [(user, columns["item_id"].tolist()) for user, columns in by_user(pa.Table.from_pylist(rows))]
    assert walked == [("anna", ["tea", "milk"]), ("bert", ["soap"])]
    assert list(by_user(pa.Table.from_pylist(rows)[:0])) == []


users = st.lists(st.text("abcdefgh", min_size=1, max_size=3), min_size=1)


@given(users, st.integers(1, 9), st.randoms())
def test_a_sample_depends_on_who_the_users_are_and_not_on_their_order(ids, count, random):
    shuffled = ids + ids[: len(ids) // 2]
    random.shuffle(shuffled)
    sample = sampled_users(ids, config(max_users=count))
    assert sample == sampled_users(shuffled, config(max_users=count))
    assert len(sample) == min(count, len(set(ids)))
    assert sample <= sampled_users(ids, config(max_users=count + 1))


def test_another_seed_samples_other_users_and_no_limit_means_all():
    ids = [str(n) for n in range(100)]
    assert sampled_users(ids, config(max_users=10)) != sampled_users(ids, config(max_users=10, seed=1))
    assert sampled_users(ids, config()) is None


def test_rows_of_the_sampled_users_stay_and_so_do_rows_of_nobody():
    rows = pa.table({"user_id": ["anna", "bert", None, " ", "anna"], "n": range(5)})
    assert rows_of(rows, frozenset({"anna"}))["n"].to_pylist() == [0, 2, 3, 4]
    assert rows_of(rows, frozenset())["n"].to_pylist() == [2, 3]
    assert rows_of(rows, None)["n"].to_pylist() == [0, 1, 2, 3, 4]


def test_too_many_bad_rows_are_an_error_with_the_count_of_every_reason():
    check_bad_share(Counter(bad_timestamp=1), rows=100, rules=RowRules(max_bad_share=0.01))
    with pytest.raises(DataError, match=r"2 of 100 \(bad_timestamp=1, missing_user=1\)"):
        check_bad_share(Counter(missing_user=1, bad_timestamp=1), rows=100, rules=RowRules(max_bad_share=0.01))


def test_repeated_rows_are_never_too_many_nor_told_among_those_that_are():
    check_bad_share(Counter(missing_user=1, duplicate=50), rows=100, rules=RowRules(max_bad_share=0.01))
    with pytest.raises(DataError, match=r"2 of 100 \(missing_user=2\)"):
        check_bad_share(Counter(missing_user=2, duplicate=50), rows=100, rules=RowRules(max_bad_share=0.01))


def test_a_column_of_lists_is_named_with_its_type():
    rows = pa.table({"user_id": ["anna"], "item_id": ["tea"], "timestamp": [5], "tags": [["hot", "green"]]})
    with pytest.raises(DataError, match=r"one value in a column. Received: \{'tags': 'list<.*string>'\}; leave"):
        sift(rows, RowRules())
