import pyarrow as pa
import pytest

from mos_tf.datasets.adapters.labels import sift_labelled
from mos_tf.datasets.config import RowRules
from mos_tf.errors import DataError


def rows(timestamps, labels):
    return pa.table(
        {"user_id": ["anna"] * len(labels), "item_id": ["tea"] * len(labels), "timestamp": timestamps, "label": labels}
    )


@pytest.mark.parametrize(
    "labels", [["1", "0", None], ["1.0", "0.0", None], [1, 0, None], [1.0, 0.0, float("nan")], [True, False, None]]
)
def test_labels_are_numbers_or_their_text_and_may_be_missing(labels):
    good, letters = sift_labelled(rows([1, 2, 3], labels), RowRules())
    assert (good["label"].to_pylist(), good["label"].type, letters) == ([1, 0, None], pa.int8(), [])


def test_any_other_label_is_a_bad_row_that_keeps_what_it_was():
    good, letters = sift_labelled(rows([1, 2, 3], ["1", "2", "yes"]), RowRules())
    assert good["timestamp"].to_pylist() == [1]
    assert [(letter["reason"], letter["row"]["label"]) for letter in letters] == [
        ("bad_label", "2"),
        ("bad_label", "yes"),
    ]


def test_one_odd_time_does_not_change_how_the_others_are_read():
    good, letters = sift_labelled(rows(["7", "8.9", "soon"], ["1", "1", "1"]), RowRules())
    assert good["timestamp"].to_pylist() == [7, 8]
    assert [letter["reason"] for letter in letters] == ["bad_timestamp"]


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match=r"Missing: \['timestamp'\]"):
        sift_labelled(rows([1], [1]).drop_columns(["timestamp"]), RowRules())
