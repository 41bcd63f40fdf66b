import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mos_tf.datasets.adapters.adapt import adapt
from mos_tf.datasets.adapters.published import Statistics
from mos_tf.datasets.convert import convert
from mos_tf.datasets.describe import describe
from mos_tf.errors import DataError
from tests.support.small_log import LISTS, SPEC, config, event, exposures_table, items_frame, write_data_dir

LOG = [event("anna", "tea", 5), event("anna", "soap", 9_000), event("ben", "tea", 20_000, exposure="south")]


def test_a_directory_in_the_format_already_is_unchanged(tmp_path):
    data = write_data_dir(tmp_path / "data", LOG)
    adapted = adapt("events", data, tmp_path / "out")
    assert sorted(pq.read_table(tmp_path / "out" / "events.parquet").to_pylist(), key=lambda e: e["timestamp"]) == LOG
    for name in ("items", "exposures"):
        assert pq.read_table(tmp_path / "out" / f"{name}.parquet").equals(pq.read_table(data / f"{name}.parquet"))
    assert adapted.found == Statistics(users=2, items=5, samples=3)
    assert adapted.published.statistics == Statistics()


def test_what_is_written_is_described_and_converted(tmp_path):
    adapted = adapt("events", write_data_dir(tmp_path / "data", LOG), tmp_path / "out")
    assert describe(tmp_path / "out").events == 3
    counts = convert(tmp_path / "out", tmp_path / "requests", SPEC, config(splits=adapted.splits)).requests
    # Tea and soap are two of four things on the list of the north, tea one of two in the south.
    assert (counts["train/requests"], counts["train/positives"], counts["train/negatives"]) == (3, 3, 7)


def test_what_is_written_of_a_log_without_lists_can_be_read_again(tmp_path):
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nanna,tea,1\nben,jam,9000\n")
    adapt("events", tmp_path / "events.csv", tmp_path / "once")
    assert pq.read_metadata(tmp_path / "once" / "exposures.parquet").num_rows == 0
    adapt("events", tmp_path / "once", tmp_path / "twice")
    for name in ("events", "items", "exposures"):
        once, twice = (pq.read_table(tmp_path / times / f"{name}.parquet") for times in ("once", "twice"))
        assert once.equals(twice)


def test_labels_become_clicks_and_lists(tmp_path):
    (tmp_path / "events.csv").write_text(
        "user_id,item_id,timestamp,category,label\nanna,tea,1,drinks,0\nanna,rolls,2,bakery,1\nanna,jam,3,,\n"
    )
    adapted = adapt("events", tmp_path / "events.csv", tmp_path / "out")
    events = pq.read_table(tmp_path / "out" / "events.parquet").to_pylist()
    assert [(e["item_id"], e["exposure_id"]) for e in events] == [("rolls", "anna-0"), ("jam", None)]
    lists = pq.read_table(tmp_path / "out" / "exposures.parquet").to_pylist()
    assert lists == [{"exposure_id": "anna-0", "item_ids": ["tea", "rolls"]}]
    items = pq.read_table(tmp_path / "out" / "items.parquet").to_pylist()
    assert items == [
        {"item_id": "tea", "category": "drinks"},
        {"item_id": "rolls", "category": "bakery"},
        {"item_id": "jam", "category": None},
    ]
    assert adapted.found == Statistics(users=1, items=3, samples=2, positive_share=0.5)


def test_a_label_beside_exposure_lists_is_refused(tmp_path):
    data = write_data_dir(tmp_path / "data", [{**row, "label": 1} for row in LOG])
    with pytest.raises(DataError, match="by 'label' or by exposure lists, not by both"):
        adapt("events", data, tmp_path / "out")


@pytest.mark.parametrize("missing", ["exposure_id", "item_ids"])
def test_a_missing_column_of_lists_is_named(tmp_path, missing):
    data = write_data_dir(tmp_path / "data", LOG)
    pq.write_table(exposures_table(LISTS).drop_columns([missing]), data / "exposures.parquet")
    with pytest.raises(DataError, match=rf"exposures must have the columns .* Missing: \['{missing}'\]"):
        adapt("events", data, tmp_path / "out")


@pytest.mark.parametrize(
    ("column", "values", "received"),
    [
        ("item_ids", ["tea,bread", "milk", "tea"], "'exposure_id' of string and 'item_ids' of string"),
        ("item_ids", [[["tea"]], [], []], "of list<.*list<.*string"),
        ("exposure_id", [["north"], ["south"], ["east"]], "'exposure_id' of list<.*string> and"),
    ],
)
def test_lists_of_another_type_are_refused(tmp_path, column, values, received):
    data = write_data_dir(tmp_path / "data", LOG)
    columns = exposures_table(LISTS).to_pydict() | {column: values}
    pq.write_table(pa.table(columns), data / "exposures.parquet")
    with pytest.raises(DataError, match=f"one id and a list of ids a row. Received: .*{received}") as error:
        adapt("events", data, tmp_path / "out")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("of_ids", [pa.large_list(pa.string()), pa.list_(pa.dictionary(pa.int32(), pa.string()))])
def test_lists_that_other_tools_write_are_read(tmp_path, of_ids):
    data = write_data_dir(tmp_path / "data", LOG)
    written = exposures_table(LISTS).cast(pa.schema({"exposure_id": pa.string(), "item_ids": of_ids}))
    pq.write_table(written, data / "exposures.parquet")
    adapt("events", data, tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / "exposures.parquet").equals(exposures_table(LISTS))


def test_lists_as_csv_are_refused_and_not_overlooked(tmp_path):
    data = write_data_dir(tmp_path / "data", LOG)
    (data / "exposures.parquet").rename(data / "exposures.csv")
    with pytest.raises(DataError, match=r"in exposures.parquet, .* Received: .*exposures.csv; write"):
        adapt("events", data, tmp_path / "out")


def test_events_that_name_lists_are_not_read_without_them(tmp_path):
    data = write_data_dir(tmp_path / "data", LOG)
    with pytest.raises(DataError, match=r"bring both in one directory, or leave out 'exposure_id'"):
        adapt("events", data / "events.parquet", tmp_path / "out")
    (data / "exposures.parquet").unlink()
    with pytest.raises(DataError, match=r"names a list in exposures.parquet. Received: .*'exposure_id'\] and no"):
        adapt("events", data, tmp_path / "out")


def test_events_that_name_no_lists_need_none(tmp_path):
    data = write_data_dir(tmp_path / "data", [{k: v for k, v in row.items() if k != "exposure_id"} for row in LOG])
    (data / "exposures.parquet").unlink()
    assert adapt("events", data, tmp_path / "out").found.samples == 3


def test_a_missing_column_is_named(tmp_path):
    pd.DataFrame({"user": ["anna"], "item_id": ["tea"], "timestamp": [5]}).to_parquet(tmp_path / "events.parquet")
    with pytest.raises(DataError, match=r"Missing: \['user_id'\]"):
        adapt("events", tmp_path, tmp_path / "out")


def test_items_without_ids_are_refused(tmp_path):
    data = write_data_dir(tmp_path / "data", LOG)
    items_frame({"tea": "drinks"}).drop(columns="item_id").to_parquet(data / "items.parquet")
    with pytest.raises(DataError, match="items must have the column 'item_id'"):
        adapt("events", data, tmp_path / "out")


def test_a_log_without_rows_is_refused(tmp_path):
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\n")
    with pytest.raises(DataError, match="at least one sample. Received: 0 rows"):
        adapt("events", tmp_path, tmp_path / "out")


def test_only_bad_rows_are_too_many(tmp_path):
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nanna,tea,soon\n")
    with pytest.raises(DataError, match=r"1 of 1 \(bad_timestamp=1\)"):
        adapt("events", tmp_path, tmp_path / "out")


def test_no_log_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"an events file, or a directory with events.parquet or .csv"):
        adapt("events", tmp_path, tmp_path / "out")


def test_another_directory_is_never_replaced(tmp_path):
    data = write_data_dir(tmp_path / "data", LOG)
    with pytest.raises(DataError, match="only an own, earlier output is replaced"):
        adapt("events", data, data)
