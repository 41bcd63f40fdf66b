import pandas as pd
import pyarrow.parquet as pq
import pytest

from mos_tf.datasets.adapters.adapt import adapt
from mos_tf.datasets.adapters.longctr import SPLITS
from mos_tf.datasets.adapters.published import Statistics
from mos_tf.datasets.convert import convert
from mos_tf.datasets.describe import describe
from mos_tf.datasets.tables import WEEK_SECONDS as WEEK
from mos_tf.errors import DataError
from tests.support.small_log import SPEC, config
from tests.support.stored_requests import read_requests

# (user_index, item_index, seq_len, is_click). User 0 clicks 1 to 5 in turn; 6, 7 and 8 are shown to it in vain.
SAMPLES = {
    "train": [(0, 6, 2, 0), (0, 3, 2, 1), (1, 9, 1, 1)],
    "valid": [(0, 7, 3, 0), (0, 4, 3, 1)],
    "test": [(0, 8, 4, 0), (0, 5, 4, 1), (1, 4, 3, 0)],
}
SEQUENCES = [[1, 2, 3, 4, 5], [1, 2, 3, 0]]


def write_set(directory, samples=SAMPLES, label="is_click", item_columns=("item_id", "cate_id", "image_emb_dim64")):
    directory.mkdir(parents=True, exist_ok=True)
    for name, rows in samples.items():
        frame = pd.DataFrame(rows, columns=["user_index", "item_index", "seq_len", label])
        frame.to_parquet(directory / f"{name}.parquet")
    pd.DataFrame({"full_item_seq": SEQUENCES}).to_parquet(directory / "user_info.parquet")
    values = {"image_emb_dim64": [[index / 64] * 64 for index in range(10)]}
    columns = {name: values.get(name, [10 * index for index in range(10)]) for name in item_columns}
    pd.DataFrame({"item_index": range(10), **columns}).to_parquet(directory / "item_info.parquet")
    return directory


def events_in(out):
    return {(e["user_id"], e["item_id"]): e for e in pq.read_table(out / "events.parquet").to_pylist()}


def test_counters_stand_for_time_a_week_for_each_split(tmp_path):
    adapted = adapt("microvideo1.7m-x2", write_set(tmp_path / "set"), tmp_path / "out")
    events = events_in(tmp_path / "out")
    # Items 1 and 2 are reached by training histories, of two items; 3, 4 and 5 are clicked samples at their places.
    times = [WEEK, WEEK + 1, WEEK + 2, 2 * WEEK + 3, 3 * WEEK + 4]
    assert [events["0", item]["timestamp"] for item in "12345"] == times
    assert [events["0", item]["session_id"] for item in "12345"] == [None, None, "train", "valid", "test"]
    # Of user 1 training reaches place 0 only; places 1 and 2 are first read by a test history. 9 has no place.
    assert [events["1", item]["timestamp"] for item in "1923"] == [WEEK, WEEK + 1, 3 * WEEK + 1, 3 * WEEK + 2]
    assert len(events) == 9
    assert adapted.splits == SPLITS and SPLITS.train_end == 2 * WEEK
    assert adapted.found == Statistics(users=2, items=9, samples=8, positive_share=0.5)


def test_requests_have_the_given_files_as_splits_and_the_first_seq_len_items_as_history(tmp_path):
    adapt("microvideo1.7m-x2", write_set(tmp_path / "set"), tmp_path / "out")
    assert describe(tmp_path / "out").events == 9
    convert(tmp_path / "out", tmp_path / "requests", SPEC, config(splits=SPLITS))
    wanted = {"train": ("12", "3", "6"), "eval": ("123", "4", "7"), "test": ("1234", "5", "8")}
    for split, (history, clicked, shown) in wanted.items():
        files = sorted((tmp_path / "requests" / f"Split-{split}").iterdir())
        (request,) = (r for r in read_requests(files, SPEC) if r.num_events == len(history))
        assert list(request.history["item_id"]) == list(history)
        assert dict(zip(request.candidates["item_id"], request.label, strict=True)) == {clicked: 1, shown: 0}


def test_a_sequence_that_holds_what_was_not_clicked_gives_no_label_away(tmp_path):
    samples = {"train": [(0, 1, 0, 0), (0, 2, 1, 1)], "valid": [(0, 3, 2, 0)], "test": [(0, 4, 3, 0), (0, 5, 4, 1)]}
    adapt("kuaivideo-x2", write_set(tmp_path / "set", samples), tmp_path / "out")
    assert [item for user, item in events_in(tmp_path / "out") if user == "0"] == ["2", "5"]
    lists = pq.read_table(tmp_path / "out" / "exposures.parquet").to_pylist()
    # Item 3 is in no list: no click of its split follows it.
    assert [row["item_ids"] for row in lists] == [["1", "2"], ["4", "5"]]


def test_items_keep_their_features_under_the_generic_names(tmp_path):
    adapt("microvideo1.7m-x2", write_set(tmp_path / "set"), tmp_path / "out")
    items = pq.read_table(tmp_path / "out" / "items.parquet").to_pylist()
    assert [item["item_id"] for item in items] == [str(index) for index in range(1, 10)]  # 0 is padding
    assert items[1] == {"item_id": "2", "source_item_id": 20, "category": 20, "image_emb_dim64": [2 / 64] * 64}


def test_ebnerd_has_another_label_and_no_images(tmp_path):
    columns = ("article_id", "category", "subcategory")
    adapted = adapt(
        "ebnerd-small-x1", write_set(tmp_path / "set", label="click", item_columns=columns), tmp_path / "out"
    )
    assert adapted.found.samples == 8
    assert pq.read_schema(tmp_path / "out" / "items.parquet").names == ["item_id", *columns]


def test_a_label_that_is_not_known_is_a_bad_row(tmp_path):
    many = [(0, 6, 2, 0)] * 300
    adapt_this = write_set(tmp_path / "set", {**SAMPLES, "train": [*SAMPLES["train"], *many, (0, 6, 2, None)]})
    adapted = adapt("microvideo1.7m-x2", adapt_this, tmp_path / "out")
    assert adapted.bad_rows == {"bad_label": 1}
    assert adapted.found.samples == 308


def test_a_sample_without_user_item_or_place_is_a_bad_row(tmp_path):
    bad = [(None, 6, 2, 0), (0, None, 2, 0), (0, 6, None, 0)]
    many = {**SAMPLES, "train": [*SAMPLES["train"], *[(0, 6, 2, 0)] * 300, *bad]}
    adapted = adapt("microvideo1.7m-x2", write_set(tmp_path / "set", many), tmp_path / "out")
    assert adapted.bad_rows == {"missing_user": 1, "missing_item": 1, "bad_timestamp": 1}
    assert len(events_in(tmp_path / "out")) == 9


def test_columns_of_another_type_are_refused(tmp_path):
    wrong = write_set(tmp_path / "set", {**SAMPLES, "valid": [(0, "seven", 3, 0)]})
    with pytest.raises(DataError, match="item_index can be read as int64. Received: .*string in .*valid.parquet"):
        adapt("microvideo1.7m-x2", wrong, tmp_path / "out")


@pytest.mark.parametrize("missing", ["train", "valid", "test", "user_info", "item_info"])
def test_a_missing_file_is_named(tmp_path, missing):
    (write_set(tmp_path / "set") / f"{missing}.parquet").unlink()
    with pytest.raises(DataError, match=rf"a LongCTR set has {missing}.parquet. Received: "):
        adapt("microvideo1.7m-x2", tmp_path / "set", tmp_path / "out")


def test_missing_columns_are_named(tmp_path):
    with pytest.raises(DataError, match=r"train.parquet must have .*Missing: \['click'\]"):
        adapt("ebnerd-small-x1", write_set(tmp_path / "set"), tmp_path / "out")
    write_set(tmp_path / "set", item_columns=("item_id", "image_emb_dim64"))
    with pytest.raises(DataError, match=r"item_info.parquet must have .*Missing: \['cate_id'\]"):
        adapt("microvideo1.7m-x2", tmp_path / "set", tmp_path / "out")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"valid": [(0, 7, 1, 0)]}, "never get shorter from train to valid.*Received: 1 shorter"),
        ({"test": [(2, 7, 4, 0)]}, "user_index is 0 to 1 here. Received: 2 to 2"),
        ({"test": [(0, 7, WEEK, 0)]}, f"seq_len is 0 to {WEEK - 1} here"),
    ],
)
def test_files_that_are_no_split_by_time_or_of_another_version_are_refused(tmp_path, changed, message):
    with pytest.raises(DataError, match=message):
        adapt("microvideo1.7m-x2", write_set(tmp_path / "set", {**SAMPLES, **changed}), tmp_path / "out")
