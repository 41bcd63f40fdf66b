"""What the request builder looks up: `Tables` (items and exposure lists) and `Popularity` (weekly counts)."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mos_tf.datasets.files import find_table, read_table, reading
from mos_tf.datasets.hashing import hash_strings
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, Kind

WEEK_SECONDS = 604_800

WeeklyCounts = tuple[np.ndarray, np.ndarray, np.ndarray]  # item ids, weeks since 1970, events: equally long
_NO_LISTS = pa.schema({"exposure_id": pa.string(), "item_ids": pa.list_(pa.string())}).empty_table()


class Tables:
    """Items and exposure lists of a data directory, held as arrays over item codes 0..M-1.

    Args:
        items: one row an item, `item_id` and its features, strings or numbers.
        exposures: exposure id → the item ids of its list, strings or integers; None: there are no lists.

    Raises:
        DataError: a column is missing, lists are of another type, or an item has two rows.
    """

    def __init__(self, items: pd.DataFrame, exposures: pa.Table | None = None):
        exposures = _NO_LISTS if exposures is None else exposures
        _require_columns("items", items.columns, [ITEM_ID])
        check_lists(exposures.schema)
        lists = exposures.column("item_ids").combine_chunks()
        flat = lists.flatten()
        if not pa.types.is_dictionary(flat.type):
            flat = flat.dictionary_encode()
        listed = flat.dictionary.cast(pa.string()).to_numpy(zero_copy_only=False)
        known = pd.Index(items[ITEM_ID].astype(str))
        if not known.is_unique:
            raise DataError(f"an item has one row in items. Received twice: {known[known.duplicated()][0]!r}")
        self._index = known.append(pd.Index(listed).difference(known))
        self._items = items.drop(columns=ITEM_ID).reset_index(drop=True)
        self._features: dict[tuple[str, str], np.ndarray] = {}
        codes = self._index.get_indexer(listed).astype(np.int32)[flat.indices.to_numpy()]
        offsets = np.append(0, np.cumsum(lists.value_lengths().fill_null(0).to_numpy()))
        self._lists, self._offsets = _ascending(codes, offsets, len(self._index))
        self._exposures = pd.Index(exposures.column("exposure_id").cast(pa.string()).to_pandas())
        self.item_ids = self._index.to_numpy(dtype=np.object_)
        self.item_hashes = hash_strings(self.item_ids)

    @classmethod
    def load(cls, data_dir: str | Path, *, with_lists: bool = True) -> Self:
        """Reads `items.parquet` (or `items.csv`) and `exposures.parquet` of a data directory.

        Args:
            data_dir: the data directory.
            with_lists: whether to read the lists; without, there may be no `exposures.parquet`.

        Raises:
            DataError: a file or a column that the format needs is missing, or cannot be read, or lists are not parquet.
        """
        items, exposures = find_table(data_dir, "items"), find_lists(data_dir) if with_lists else None
        if items is None or (with_lists and exposures is None):
            received = sorted(path.name for path in Path(data_dir).glob("*.*"))
            raise DataError(
                "a data directory holds items and, unless negatives are sampled, exposures.parquet. "
                f"Received: {data_dir} with {received}"
            )
        return cls(read_table(items).to_pandas(), read_lists(exposures) if exposures else None)

    def codes(self, item_ids: np.ndarray) -> np.ndarray:
        """Returns int64 item codes, -1 for an item that neither the items nor a list knows."""
        return self._index.get_indexer(pd.Index(item_ids, dtype=object))

    def feature(self, name: str, kind: Kind) -> np.ndarray:
        """Returns a feature by item code, [M + 1]; the last, code -1, is that of an unknown item.

        What is not known is "" (categorical) or 0 (numeric).

        Raises:
            DataError: the items have no such column.
        """
        if name not in self._items:
            raise DataError(f"items have no column for the item feature {name!r}. Received: {list(self._items)}")
        if (name, kind) not in self._features:
            values = clean(self._items[name], kind)
            unknown = np.full(len(self._index) + 1 - len(values), "" if kind == "categorical" else 0, values.dtype)
            self._features[name, kind] = np.concatenate([values, unknown])
        return self._features[name, kind]

    def names(self, item_ids: Sequence[str]) -> list[str]:
        """Returns what to call the items: the column `name`, or the id where that is empty or absent."""
        if "name" not in self._items:
            return list(item_ids)
        known = self.feature("name", "categorical")[self.codes(np.array(item_ids, dtype=np.object_))]
        return [name or item_id for name, item_id in zip(known, item_ids, strict=True)]

    def listed(self, exposure_id: str) -> np.ndarray | None:
        """Returns the distinct codes of an exposure's items, ascending, or None where there is no such list."""
        if exposure_id not in self._exposures:
            return None
        row = self._exposures.get_loc(exposure_id)
        return self._lists[self._offsets[row] : self._offsets[row + 1]]


class Popularity:
    """Log share of an item among all events up to the end of the week before a request.

        log((1 + events of the item) / (number of items + events of all))     weeks before the request's week

    Args:
        item_ids, weeks, counts: equally long, from `weekly_counts` up to the end of training; later requests see the
            state at that end. A pair of item and week may come in parts.
    """

    def __init__(self, item_ids: Sequence[str] | np.ndarray, weeks: np.ndarray, counts: np.ndarray):
        codes, items = pd.factorize(np.asarray(item_ids, dtype=np.object_))
        weeks, counts = np.asarray(weeks, dtype=np.int64), np.asarray(counts, dtype=np.int64)
        self._index = pd.Index(items, dtype=object)
        by_item = np.lexsort((weeks, codes))
        self._items_weeks = _keys(codes[by_item], weeks[by_item])
        self._cumulative = np.append(0, np.cumsum(counts[by_item]))
        by_week = np.argsort(weeks, kind="stable")
        self._weeks = weeks[by_week]
        self._totals = np.append(0, np.cumsum(counts[by_week]))

    def log_share(self, item_ids: np.ndarray, time: int | np.ndarray) -> np.ndarray:
        """Returns float32 [n] for n items, each at its own `time` or all at one (UTC seconds)."""
        codes = self._index.get_indexer(pd.Index(item_ids, dtype=object))
        weeks = np.broadcast_to(np.asarray(time) // WEEK_SECONDS, codes.shape)
        before = np.searchsorted(self._items_weeks, _keys(codes, weeks))
        first = np.searchsorted(self._items_weeks, _keys(codes, np.zeros_like(weeks)))
        seen = np.where(codes >= 0, self._cumulative[before] - self._cumulative[first], 0)
        total = self._totals[np.searchsorted(self._weeks, weeks)]
        return np.log((1 + seen) / (max(len(self._index), 1) + total)).astype(np.float32)


def weekly_counts(item_ids: np.ndarray, timestamps: np.ndarray, end: int) -> WeeklyCounts:
    """Counts events before `end` by (item, week), as `Popularity` and `SamplingPool` take them.

    Parts of a log may be concatenated.
    """
    frame = pd.DataFrame({"item": item_ids, "week": np.asarray(timestamps) // WEEK_SECONDS})[
        np.asarray(timestamps) < end
    ]
    sizes = frame.groupby(["item", "week"], sort=True).size()
    return (
        sizes.index.get_level_values("item").to_numpy(dtype=np.object_),
        sizes.index.get_level_values("week").to_numpy(dtype=np.int64),
        sizes.to_numpy(),
    )


def find_lists(directory: str | Path) -> Path | None:
    """Returns `exposures.parquet` of a directory, None where it has no lists.

    Raises:
        DataError: they are CSV.
    """
    exposures = find_table(directory, "exposures")
    if exposures is not None and exposures.suffix != ".parquet":
        raise DataError(
            f"lists are in exposures.parquet, as CSV has no column of lists. Received: {exposures}; write it as parquet"
        )
    return exposures


def read_lists(exposures: Path) -> pa.Table:
    """Reads exposure lists, their items as a dictionary: as strings, lists take minutes.

    Raises:
        DataError: the file cannot be read.
    """
    with reading(exposures):
        return pq.read_table(exposures, read_dictionary=["item_ids.list.element"])


def check_lists(schema: pa.Schema) -> None:
    """Raises DataError where exposure lists lack a column that they must have, or one is of another type."""
    _require_columns("exposures", schema.names, ["exposure_id", "item_ids"])
    own, listed = schema.field("exposure_id").type, schema.field("item_ids").type
    is_list = isinstance(listed, (pa.ListType, pa.LargeListType, pa.FixedSizeListType))
    if pa.types.is_nested(own) or not is_list or pa.types.is_nested(listed.value_type):
        raise DataError(
            f"exposures have one id and a list of ids a row. Received: 'exposure_id' of {own} and 'item_ids' of "
            f"{listed}; write ids as strings, and those of a list as a list column"
        )


def clean(values: pd.Series, kind: Kind) -> np.ndarray:
    """Returns strings (object) or float32 without gaps: what is missing becomes "" or 0."""
    if kind == "numeric":
        return pd.to_numeric(values, errors="coerce").fillna(0).to_numpy(dtype=np.float32)
    return values.astype(object).where(values.notna(), "").astype(str).to_numpy(dtype=np.object_)


def _ascending(codes: np.ndarray, offsets: np.ndarray, num_items: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorts the codes inside each list and drops repeats, unless all are so already; returns codes and offsets."""
    rises = codes[1:] > codes[:-1]
    boundaries = offsets[(offsets > 0) & (offsets < len(codes))]
    rises[boundaries - 1] = True
    if rises.all():
        return codes, offsets
    lists = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    keys = np.unique(lists * num_items + codes)
    return (keys % num_items).astype(np.int32), np.searchsorted(keys, np.arange(len(offsets)) * num_items)


def _keys(codes: np.ndarray, weeks: np.ndarray) -> np.ndarray:
    """Orders by item, then week, in one int64."""
    return codes * 2**32 + weeks


def _require_columns(table: str, received: Iterable[str], required: Iterable[str]) -> None:
    missing = [name for name in required if name not in set(received)]
    if missing:
        raise DataError(
            f"{table} must have the columns {list(required)}. Missing: {missing}. Received: {list(received)}"
        )
