import io
import json

import numpy as np
import pytest
from rich.console import Console

from mos_tf.datasets.describe import describe, tables
from mos_tf.errors import DataError
from tests.support.small_log import event, write_data_dir

LOG = [
    event("anna", "tea", 0, "a1"),
    event("anna", "milk", 60, "a1"),
    event("anna", "bread", 7_200, "a2"),
    event("anna", "rolls", 7_260, "a2"),
    event("bert", "soap", 86_400, "b1"),
    event("bert", "soap", 86_400, "b1"),  # a duplicate
    event("", "soap", 5),
    event("bert", "soap", -5),
]


def shown(description):
    console = Console(width=100, record=True, file=io.StringIO())
    for table in tables(description):
        console.print(table)
    return console.export_text()


@pytest.mark.parametrize("csv", [False, True])
def test_a_log_is_described_by_what_its_good_rows_hold(tmp_path, csv):
    found = describe(write_data_dir(tmp_path, LOG, csv=csv))
    assert (found.rows, found.users, found.items, found.events) == (8, 2, 5, 5)
    assert found.bad_rows == {"missing_user": 1, "bad_timestamp": 1, "duplicate": 1}
    assert (found.first, found.last) == (0, 86_400)
    assert found.mean_history_length == 2.5
    assert found.history_lengths["p50"] == 1 and found.history_lengths["p100"] == 4
    # Inside both sessions of anna the category stays, between them it changes; soap has none.
    assert found.category == "category"
    assert (found.hopping.same_session, found.hopping.across_sessions) == (1, 0)


def test_a_file_alone_is_described_and_its_own_category_compared(tmp_path):
    rows = [event("anna", f"i{n}", n, leaf_category="x") for n in range(3)]
    found = describe(write_data_dir(tmp_path, rows) / "events.parquet")
    assert (found.category, found.hopping.same_session) == ("leaf_category", 1)


def test_without_a_category_there_is_no_hopping(tmp_path):
    found = describe(write_data_dir(tmp_path, LOG) / "events.parquet")
    assert (found.category, found.hopping) == (None, None)
    assert json.loads(found.to_json())["hopping"] is None


def test_a_category_that_is_asked_for_must_be_there(tmp_path):
    assert describe(write_data_dir(tmp_path, LOG), "name").category == "name"
    with pytest.raises(DataError, match="Received: 'colour'"):
        describe(tmp_path, "colour")


def test_json_has_no_nan(tmp_path):
    found = describe(write_data_dir(tmp_path, LOG[:2]))  # one session of one user: no pair across, none of two users
    hopping = json.loads(found.to_json())["hopping"]
    assert (hopping["same_session"], hopping["across_sessions"], hopping["other_users"]) == (1, None, None)


def test_the_slope_of_popularity_is_that_of_counts_over_ranks(tmp_path):
    clicks = [event("anna", f"i{rank}", 60 * rank + n) for rank in (1, 2, 4) for n in range(16 // rank)]
    found = describe(write_data_dir(tmp_path, clicks) / "events.parquet")
    # 16, 8 and 4 clicks at ranks 1, 2 and 3.
    assert found.popularity_slope == pytest.approx(np.polyfit(np.log([1, 2, 3]), np.log([16, 8, 4]), 1)[0])


def test_the_tables_show_the_figures(tmp_path):
    text = shown(describe(write_data_dir(tmp_path, LOG)))
    for figure in (
        "1970-01-02 00:00:00 UTC",
        "3 of 8 (37.50%)",
        "missing_user",
        "1 (12.50%)",
        "100.0%",
        "neighbours 1-5 min apart",
        "effective number",
    ):
        assert figure in text


def test_neither_a_log_nor_events_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"events.parquet or .csv"):
        describe(tmp_path)
    with pytest.raises(DataError, match="at least one event.*bad ones {'missing_user': 1}"):
        describe(write_data_dir(tmp_path, [event("", "soap", 5)]))
