"""`sift_labelled`: `sift` for rows that may have labels: which of them are good, and with which values."""

from typing import Any

import pandas as pd
import pyarrow as pa

from mos_tf.datasets.config import RowRules
from mos_tf.datasets.events import check_columns, dead_letter, sift
from mos_tf.features import LABEL, TIMESTAMP

BAD_LABEL = "bad_label"


def sift_labelled(rows: pa.Table, rules: RowRules) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Parts rows into good ones and dead letters, as `sift` does; a label other than 0, 1 or missing is bad, too.

    Args:
        rows: a batch of generic rows, of any users, with or without `label`: a number or its text.
        rules: which times and event types are known.

    Returns:
        The good rows, ids as strings, `timestamp` as int64, `label` as int8; and the dead letters.

    Raises:
        DataError: a column that the format needs is missing.
    """
    check_columns(rows.column_names, rules)
    good, letters = sift(_with_whole_seconds(rows), rules)
    if LABEL not in good.column_names:
        return good, letters
    given = good[LABEL].to_pandas()
    labels = pd.to_numeric(given, errors="coerce").astype("float64")
    bad = (given.notna() & ~labels.isin([0, 1])).to_numpy()
    letters += [dead_letter(row, BAD_LABEL) for row in good.filter(pa.array(bad)).to_pylist()]
    column = pa.array(labels.where(~bad), pa.int8(), from_pandas=True)
    return good.set_column(good.column_names.index(LABEL), LABEL, column).filter(pa.array(~bad)), letters


def _with_whole_seconds(rows: pa.Table) -> pa.Table:
    """Numbers written as text become numbers where all are whole: `sift` is fast on those, and looks at each text."""
    if not pa.types.is_string(rows[TIMESTAMP].type):
        return rows
    try:
        seconds = rows[TIMESTAMP].cast(pa.int64())
    except pa.ArrowInvalid:
        return rows
    return rows.set_column(rows.column_names.index(TIMESTAMP), TIMESTAMP, seconds)
