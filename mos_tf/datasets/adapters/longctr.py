"""The sets of the LongCTR benchmark, MicroVideo1.7M_x2, KuaiVideo_x2 and Ebnerd_small_x1: samples, sequences and items.

    train, valid, test.parquet    user_index, item_index, seq_len and the label: one sample a row
    user_info.parquet             full_item_seq: row u has the item indices of user u, oldest first, 0 is padding
    item_info.parquet             item_index and features, such as image_emb_dim64 [64]

A sample's history is the first `seq_len` items of its user's sequence. There are no timestamps, so the order is kept by
counters that stand for them: split number s (train 1, valid 2, test 3) has week s of 1970 to itself, and there

    time of a sample = week(s) + seq_len            time of the sequence's item k = week(s') + k

in seconds, where s' is the first split in which the user's histories reach item k. Hence of the sequence the first
`seq_len` items and no others lie strictly before a sample, and the given files are a split by time. The counters are no
clock: gaps between events, and popularity by weeks, mean nothing inside a split.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mos_tf.datasets.adapters.published import Published, Statistics
from mos_tf.datasets.adapters.sequences import PADDING, Sequences
from mos_tf.datasets.adapters.source import Adapter, Source, require_files
from mos_tf.datasets.config import SplitTimes
from mos_tf.datasets.events import SESSION_ID
from mos_tf.datasets.files import column_names, read_batches, read_table
from mos_tf.datasets.tables import WEEK_SECONDS
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, LABEL, TIMESTAMP, USER_ID

FILES = ("train", "valid", "test")
SPLITS = SplitTimes(**{name: week * WEEK_SECONDS for week, name in enumerate(SplitTimes.model_fields, start=1)})
_USER, _ITEM, _LENGTH = "user_index", "item_index", "seq_len"
_ROWS_AT_ONCE = 100_000


@dataclass(frozen=True)
class Layout:
    """Where the sets differ.

    Args:
        label: the samples' column of 0 and 1.
        features: columns that `item_info` must have; all others are kept too.
        category: the one among them that is the category.
    """

    label: str
    features: tuple[str, ...]
    category: str | None = None


def read(layout: Layout, directory: Path) -> Source:
    """Reads samples as labelled impressions, their split as `session_id`; and what else a sequence holds, as history.

    A sample that is the item of the sequence at its own place, `seq_len`, is that item: it becomes an event only if it
    was clicked, or a candidate not clicked would stand in its own request's history. A click without a place is one
    more event. A list (see `part_impressions`) does not cross splits.

    Raises:
        DataError: a file or column is missing, or histories of a later split are shorter than those of an earlier one.
    """
    (sequences,) = require_files(directory, "user_info.parquet", "a LongCTR set")
    (items,) = require_files(directory, "item_info.parquet", "a LongCTR set")
    samples = [require_files(directory, f"{name}.parquet", "a LongCTR set")[0] for name in FILES]
    return Source(
        rows=_rows(layout, samples, sequences),
        items=_items(layout, items),
        size=sum(file.stat().st_size for file in (*samples, sequences)) * 10,  # indices pack ten times denser than text
    )


def _rows(layout: Layout, samples: list[Path], sequences_file: Path) -> Iterator[pa.Table]:
    sequences = Sequences(_lists(sequences_file))
    reach = _reach(samples, len(sequences))
    for week, file in enumerate(samples, start=1):
        for batch in read_batches(file, [_USER, _ITEM, _LENGTH, layout.label]):
            users, items, lengths = (_cast(batch, name, pa.int64(), file) for name in (_USER, _ITEM, _LENGTH))
            label = _cast(batch, layout.label, pa.float64(), file)
            sequences.take(*(pc.fill_null(column, -1).to_numpy() for column in (users, lengths, items)))
            # A sample whose label is not known is bad; without -1 it would pass as an event without a list.
            yield _table(users, items, pc.add(lengths, week * WEEK_SECONDS), pc.fill_null(label, -1), FILES[week - 1])
    for users, positions, items in sequences.left(_ROWS_AT_ONCE):
        week = 1 + (reach[:-1, users] <= positions).sum(axis=0)
        yield _table(pa.array(users), pa.array(items), pa.array(week * WEEK_SECONDS + positions), None, None)


def _table(users: pa.Array, items: pa.Array, times: pa.Array, label: pa.Array | None, session: str | None) -> pa.Table:
    return pa.table(
        {
            USER_ID: users.cast(pa.string()),
            ITEM_ID: items.cast(pa.string()),
            TIMESTAMP: times,
            LABEL: pa.nulls(len(users), pa.float64()) if label is None else label,
            SESSION_ID: pa.repeat(pa.scalar(session, pa.string()), len(users)),
        }
    )


def _lists(file: Path) -> pa.ListArray:
    name = "full_item_seq"
    return _cast(read_table(file, [name]), name, pa.list_(pa.int64()), file).combine_chunks()


def _cast(rows: pa.Table, name: str, wanted: pa.DataType, file: Path) -> pa.ChunkedArray:
    """A column in the type that the layout gives it; NaN, which pandas writes for what is missing, is missing."""
    column = rows[name]
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    try:
        return column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"{name} can be read as {wanted}. Received: {column.type} in {file}: {' '.join(str(error).split())}"
        ) from error


def _reach(samples: list[Path], num_users: int) -> np.ndarray:
    """Returns int64 [splits, users], the longest history of a user up to the end of a split; checks that it only grows.

    Counters can stand for time only if it does: else an event would have to come both before and after another.
    """
    reach = np.zeros((len(samples), num_users), dtype=np.int64)
    for split, file in enumerate(samples):
        before = reach[max(split - 1, 0)].copy()
        reach[split] = before
        for batch in read_batches(file, [_USER, _LENGTH]):
            known = pa.table({name: _cast(batch, name, pa.int64(), file) for name in (_USER, _LENGTH)}).drop_null()
            users, lengths = (known[name].to_numpy() for name in (_USER, _LENGTH))
            _check_range(_USER, users, num_users, file)
            _check_range(_LENGTH, lengths, WEEK_SECONDS, file)
            if split and (short := lengths < before[users]).any():
                raise DataError(
                    f"a user's histories never get shorter from {FILES[split - 1]} to {FILES[split]}, or the files are "
                    f"no split by time. Received: {short.sum()} shorter ones in {file}. Bring the files as published"
                )
            np.maximum.at(reach[split], users, lengths)
    return reach


def _check_range(name: str, values: np.ndarray, stop: int, file: Path) -> None:
    if len(values) and not 0 <= values.min() <= values.max() < stop:
        raise DataError(
            f"{name} is 0 to {stop - 1} here. Received: {values.min()} to {values.max()} in {file}. "
            "Bring the files of one version"
        )


def _items(layout: Layout, file: Path) -> Iterator[pa.Table]:
    """All items but the padding; the set's own `item_id`, a code of its vocabulary, becomes `source_item_id`."""
    renamed = {_ITEM: ITEM_ID, ITEM_ID: "source_item_id"} | ({layout.category: "category"} if layout.category else {})
    needed = [_ITEM, *layout.features]
    further = [name for name in column_names(file) if name not in needed]
    for batch in read_batches(file, needed + further):
        kept = batch.filter(pc.not_equal(batch[_ITEM], PADDING))
        yield kept.rename_columns([renamed.get(name, name) for name in kept.column_names])


def _published(users: int, items: int, samples: int, share: float | None = None) -> Published:
    source = (
        "statistics: LongCTR's configurations and data pages, counts of ids include padding; split: the given files"
    )
    return Published(Statistics(users, items, samples, share), SPLITS, source)


_IMAGE = "image_emb_dim64"
ADAPTERS = {
    "microvideo1.7m-x2": Adapter(
        _published(10_952, 24_323, 4_287_008),
        partial(read, Layout("is_click", (ITEM_ID, "cate_id", _IMAGE), category="cate_id")),
    ),
    "kuaivideo-x2": Adapter(
        _published(10_001, 101_790, 4_664_549), partial(read, Layout("is_click", (ITEM_ID, _IMAGE)))
    ),
    "ebnerd-small-x1": Adapter(
        _published(14_209, 2_218, 5_510_000, share=0.097),
        partial(read, Layout("click", ("article_id", "category"), category="category")),
    ),
}
