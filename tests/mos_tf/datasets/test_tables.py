import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.datasets.tables import WEEK_SECONDS, Popularity, Tables, clean, weekly_counts
from mos_tf.errors import DataError
from mos_tf.insight.targets import ItemLog
from tests.support.small_log import ITEMS, LISTS, exposures_table, items_frame, small_tables, write_data_dir


def ids(*items):
    return np.array(items, dtype=object)


def features_of(tables, items, name="category", kind="categorical"):
    return tables.feature(name, kind)[tables.codes(ids(*items))].tolist()


def test_features_are_looked_up_by_code_and_unknown_is_empty():
    assert features_of(small_tables(), ["bread", "soap", "caviar", "tea"]) == ["bakery", "", "", "drinks"]


def test_an_item_that_only_a_list_names_has_empty_features():
    tables = small_tables()
    assert tables.codes(ids("crumbs")) == tables.listed("east").max()
    assert features_of(tables, ["crumbs"]) == [""]


def test_a_feature_is_a_string_or_a_number_as_the_spec_says():
    items = pd.DataFrame({"item_id": ["a", "b", "c"], "size": [2, None, 5], "tag": ["1.5", None, "many"]})
    tables = Tables(items, exposures_table(LISTS))
    assert features_of(tables, ["a", "b", "x"], "size", "numeric") == [2, 0, 0]
    assert features_of(tables, ["a", "b", "c"], "tag", "numeric") == [1.5, 0, 0]
    assert features_of(tables, ["a", "b", "x"], "tag") == ["1.5", "", ""]
    assert tables.feature("size", "numeric").dtype == np.float32


def test_whole_numbers_as_categories_have_no_point():
    assert clean(pd.Series([23, 7]), "categorical").tolist() == ["23", "7"]


def test_a_feature_that_items_lack_is_named_with_those_they_have():
    with pytest.raises(DataError, match=r"'colour'. Received: \['name', 'category'\]"):
        small_tables().feature("colour", "categorical")


def test_a_list_holds_each_item_once():
    tables = small_tables()
    assert {name: sorted(tables.item_ids[tables.listed(name)]) for name in LISTS} == {
        "north": ["bread", "rolls", "soap", "tea"],
        "south": ["milk", "tea"],
        "east": ["crumbs", "tea"],
    }
    assert tables.listed("west") is None


def test_integer_ids_of_lists_are_those_that_events_have_as_strings():
    tables = Tables(pd.DataFrame({"item_id": [10, 7]}), pa.table({"exposure_id": [3, 4], "item_ids": [[7, 10], [5]]}))
    assert {name: list(tables.item_ids[tables.listed(name)]) for name in ("3", "4")} == {"3": ["10", "7"], "4": ["5"]}
    assert list(tables.codes(ids("10", "7", "5"))) == [0, 1, 2]


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), min_size=1, max_size=5))
def test_lists_in_any_order_are_the_sets_of_their_items(lists):
    named = {str(n): items for n, items in enumerate(lists)}
    tables = Tables(items_frame({"c": "x", "a": "y", "g": "x"}), exposures_table(named))
    for name, items in named.items():
        assert set(tables.item_ids[tables.listed(name)]) == set(items)
        assert np.all(np.diff(tables.listed(name)) > 0)


def test_names_fall_back_to_ids():
    assert small_tables().names(["tea", "crumbs", "caviar"]) == ["Fine tea", "crumbs", "caviar"]
    nameless = Tables(items_frame(ITEMS).drop(columns="name"), exposures_table(LISTS))
    assert nameless.names(["tea"]) == ["tea"]


def test_an_item_with_two_rows_is_refused():
    items = pd.concat([items_frame(ITEMS), items_frame({"tea": "bakery"})])
    with pytest.raises(DataError, match="Received twice: 'tea'"):
        Tables(items, exposures_table(LISTS))


def test_a_data_directory_loads(tmp_path):
    tables = Tables.load(write_data_dir(tmp_path, [{"user_id": "u"}]))
    assert features_of(tables, ["bread"]) == ["bakery"]
    assert tables.item_ids[tables.listed("south")].tolist() == ["tea", "milk"]


def test_items_may_be_csv_whose_ids_are_strings(tmp_path):
    write_data_dir(tmp_path, [{"user_id": "u"}])
    (tmp_path / "items.parquet").unlink()
    (tmp_path / "items.csv").write_text("item_id,category,price\n007,agents,\n8,,2.5\n")
    tables = Tables.load(tmp_path)
    assert features_of(tables, ["007", "8"]) == ["agents", ""]
    assert features_of(tables, ["007", "8"], "price", "numeric") == [0, 2.5]


def test_what_a_data_directory_lacks_is_said(tmp_path):
    with pytest.raises(DataError, match="holds items and, unless negatives are sampled, exposures.parquet"):
        Tables.load(tmp_path, with_lists=False)
    with pytest.raises(DataError, match=r"Missing: \['item_ids'\]"):
        Tables(items_frame(ITEMS), pa.table({"exposure_id": ["x"]}))
    with pytest.raises(DataError, match=r"a list of ids a row. Received: .* 'item_ids' of string; write"):
        Tables(items_frame(ITEMS), pa.table({"exposure_id": ["x"], "item_ids": ["tea,milk"]}))


def test_lists_that_are_not_parquet_are_refused_not_overlooked(tmp_path):
    data = write_data_dir(tmp_path, [{"user_id": "u", "item_id": "tea", "timestamp": 1, "exposure_id": "south"}])
    (data / "exposures.parquet").rename(data / "exposures.csv")
    for read in (Tables.load, ItemLog.read):
        with pytest.raises(DataError, match=r"in exposures.parquet, .* Received: .*exposures.csv; write it as parquet"):
            read(data)


def test_damaged_lists_are_told_in_one_line(tmp_path):
    data = write_data_dir(tmp_path, [{"user_id": "u"}])
    (data / "exposures.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match=r"^the table cannot be read: .*exposures.parquet: [^\n]+$"):
        Tables.load(data)


def test_exposure_lists_are_needed_only_where_they_are_read(tmp_path):
    (write_data_dir(tmp_path, [{"user_id": "u"}]) / "exposures.parquet").unlink()
    tables = Tables.load(tmp_path, with_lists=False)
    assert features_of(tables, ["bread", "crumbs"]) == ["bakery", ""]
    assert tables.listed("south") is None
    with pytest.raises(DataError, match=r"exposures.parquet. Received: .* with \['events.parquet', 'items.parquet'\]"):
        Tables.load(tmp_path)


def test_popularity_is_the_smoothed_share_up_to_the_end_of_the_week_before():
    # Week 0: tea 2, milk 1. Week 1: tea 1. Two items, so the share of tea before week 2 is (1 + 3) / (2 + 4).
    popularity = Popularity(ids("tea", "milk", "tea"), np.array([0, 0, 1]), np.array([2, 1, 1]))
    share = np.exp(popularity.log_share(ids("tea", "milk", "caviar"), 2 * WEEK_SECONDS))
    np.testing.assert_allclose(share, [4 / 6, 2 / 6, 1 / 6], rtol=1e-6)
    last_second_of_week_1 = np.exp(popularity.log_share(ids("tea", "milk"), 2 * WEEK_SECONDS - 1))
    np.testing.assert_allclose(last_second_of_week_1, [3 / 5, 2 / 5], rtol=1e-6)
    np.testing.assert_allclose(np.exp(popularity.log_share(ids("tea"), 0)), [1 / 2], rtol=1e-6)


def test_popularity_of_nothing_is_known_to_nobody():
    nothing = Popularity([], np.empty(0), np.empty(0))
    assert nothing.log_share(ids("tea"), 5).tolist() == [0]
    assert nothing.log_share(ids(), 5).dtype == np.float32


def test_weekly_counts_stop_at_the_end_of_training():
    times = np.array([0, 1, WEEK_SECONDS, WEEK_SECONDS + 5, WEEK_SECONDS + 6])
    items, weeks, counts = weekly_counts(ids("tea", "tea", "tea", "milk", "milk"), times, WEEK_SECONDS + 6)
    assert list(zip(items, weeks, counts, strict=True)) == [("milk", 1, 1), ("tea", 0, 2), ("tea", 1, 1)]


events = st.lists(st.tuples(st.sampled_from(["tea", "milk", "jam"]), st.integers(0, 6 * WEEK_SECONDS)), max_size=30)


@given(events, events, st.integers(0, 6 * WEEK_SECONDS), st.integers(0, 8 * WEEK_SECONDS))
def test_popularity_equals_counting_by_hand_and_parts_may_be_concatenated(one, other, end, time):
    parts = [weekly_counts(ids(*(i for i, _ in part)), np.array([t for _, t in part]), end) for part in (one, other)]
    popularity = Popularity(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    counted = [item for item, when in one + other if when < end]
    before = [item for item, when in one + other if when < min(end, time // WEEK_SECONDS * WEEK_SECONDS)]
    expected = [(1 + before.count(i)) / (max(len(set(counted)), 1) + len(before)) for i in ("tea", "milk", "jam", "x")]
    share = np.exp(popularity.log_share(ids("tea", "milk", "jam", "x"), time))
    np.testing.assert_allclose(share, expected, rtol=1e-5)
