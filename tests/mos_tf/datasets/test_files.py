import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mos_tf.datasets.files import column_names, find_table, read_batches, read_table, replacing, write_batches
from mos_tf.errors import DataError

CSV = "﻿user_id,item_id,timestamp\n007,,12\nöl,NA,soon\n"


def test_a_csv_is_strings_and_empty_is_missing(tmp_path):
    (tmp_path / "events.csv").write_text(CSV, encoding="utf-8")
    assert read_table(tmp_path / "events.csv").to_pylist() == [
        {"user_id": "007", "item_id": None, "timestamp": "12"},
        {"user_id": "öl", "item_id": "NA", "timestamp": "soon"},
    ]


def test_a_few_columns_are_read_of_either_format(tmp_path):
    (tmp_path / "events.csv").write_text(CSV, encoding="utf-8")
    pq.write_table(read_table(tmp_path / "events.csv"), tmp_path / "events.parquet")
    for suffix in ("csv", "parquet"):
        (batch,) = read_batches(tmp_path / f"events.{suffix}", columns=["timestamp"])
        assert batch.to_pydict() == {"timestamp": ["12", "soon"]}
        with pytest.raises(DataError, match=r"Missing: \['price'\]"):
            list(read_batches(tmp_path / f"events.{suffix}", columns=["price"]))


def test_a_csv_without_a_header_has_the_names_it_is_given(tmp_path):
    (tmp_path / "events.csv").write_text("1,tea\n2,\n")
    (batch,) = read_batches(tmp_path / "events.csv", names=["user_id", "item_id"])
    assert batch.to_pydict() == {"user_id": ["1", "2"], "item_id": ["tea", None]}
    with pytest.raises(DataError, match=r"the columns \['user_id'\] and no header. Received: \['1', 'tea'\]"):
        list(read_batches(tmp_path / "events.csv", names=["user_id"]))


def test_names_of_columns_are_those_that_are_read(tmp_path):
    (tmp_path / "events.csv").write_text(CSV, encoding="utf-8")
    assert column_names(tmp_path / "events.csv") == ["user_id", "item_id", "timestamp"]


def test_batches_are_written_in_the_types_of_the_first(tmp_path):
    file = tmp_path / "items.parquet"
    assert write_batches(file, [pa.table({"price": [1.5]}), pa.table({"price": [2]})]) == 2
    assert read_table(file).to_pydict() == {"price": [1.5, 2.0]}
    with pytest.raises(DataError, match="all rows have the types of the first"):
        write_batches(file, [pa.table({"price": [1.5]}), pa.table({"price": ["cheap"]})])
    with pytest.raises(DataError, match="at least one row. Received: none"):
        write_batches(file, [])


def test_parquet_is_found_before_csv(tmp_path):
    assert find_table(tmp_path, "items") is None
    (tmp_path / "items.csv").touch()
    assert find_table(tmp_path, "items") == tmp_path / "items.csv"
    (tmp_path / "items.parquet").touch()
    assert find_table(tmp_path, "items") == tmp_path / "items.parquet"


@pytest.mark.parametrize("name", ["events.parquet", "events.csv", "absent.parquet", "events.txt"])
def test_what_cannot_be_read_is_one_line_that_names_the_file(tmp_path, name):
    for damaged in ("events.parquet", "events.csv", "events.txt"):
        (tmp_path / damaged).write_bytes(b"a,b\n1,2,3\n")
    with pytest.raises(DataError, match=name) as raised:
        read_table(tmp_path / name)
    assert "\n" not in str(raised.value)


def test_a_table_without_rows_is_named(tmp_path):
    pq.write_table(pa.table({"item_id": pa.array([], pa.string())}), tmp_path / "items.parquet")
    with pytest.raises(DataError, match="at least one row"):
        read_table(tmp_path / "items.parquet")


def test_an_output_appears_whole_and_replaces_the_one_before(tmp_path):
    for content in ("first", "second"):
        with replacing(tmp_path / "parents" / "out", marker="done") as out:
            (out / "done").write_text(content)
            assert not (tmp_path / "parents" / "out" / "done").exists() or content == "second"
        assert (tmp_path / "parents" / "out" / "done").read_text() == content
    assert [path.name for path in (tmp_path / "parents").iterdir()] == ["out"]


def test_a_failure_leaves_what_was_there(tmp_path):
    with replacing(tmp_path / "out", marker="done") as out:
        (out / "done").write_text("first")
    with pytest.raises(RuntimeError), replacing(tmp_path / "out", marker="done") as out:
        (out / "done").write_text("second")
        raise RuntimeError
    assert (tmp_path / "out" / "done").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_files_of_somebody_else_are_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="only an own, earlier output"), replacing(tmp_path, marker="done"):
        pass
    assert (tmp_path / "thesis.txt").exists()


def test_an_empty_directory_may_be_written_into(tmp_path):
    (tmp_path / "out").mkdir()
    with replacing(tmp_path / "out", marker="done") as out:
        (out / "done").touch()
    assert (tmp_path / "out" / "done").exists()
