"""`Adapter`: reads a data set's own files as a stream of generic rows, and knows what is published of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mos_tf.datasets.adapters.published import Published
from mos_tf.datasets.config import RowRules
from mos_tf.errors import DataError


@dataclass(frozen=True)
class Source:
    """A data set as the columns of the generic format, read while it is iterated.

    Args:
        rows: batches of one schema: `user_id`, `item_id`, `timestamp`, optionally `label` and any further column. A
            label is 1 (shown and clicked), 0 (shown, not clicked) or missing (an event of which nobody knows what else
            was shown: it is history only). Without the column every row is such an event.
        items: batches with `item_id` and features; None: the items of the rows, with their `category` if they have one.
        exposures: batches of lists that the rows' `exposure_id` name; None: the lists follow from the labels.
        rules: which rows are bad.
        size: bytes of the files that hold the rows, by which memory is planned.
    """

    rows: Iterable[pa.Table]
    size: int
    items: Iterable[pa.Table] | None = None
    exposures: Iterable[pa.Table] | None = None
    rules: RowRules = RowRules()


@dataclass(frozen=True)
class Adapter:
    """How one data set is read, and what is published of it.

    Args:
        published: its statistics and the split of its literature.
        read: path that the user brings → source.
    """

    published: Published
    read: Callable[[Path], Source]


def require_files(directory: Path, pattern: str, of: str) -> list[Path]:
    """Returns the files of a pattern, sorted by name.

    Raises:
        DataError: there is none.
    """
    found = sorted(directory.glob(pattern))
    if not found:
        received = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else "no directory"
        raise DataError(f"{of} has {pattern}. Received: {directory} with {received}. Bring the files as published")
    return found


def tags(column: pa.ChunkedArray, separator: str) -> tuple[pa.Array, pa.Array]:
    """Parts strings such as "12,65" into the first tag ("" where there is none) and the list of all.

    Example:

    >>> first, every = tags(pa.chunked_array([["12,65", None]]), ",")
    >>> first.to_pylist(), every.to_pylist()
    (['12', ''], [['12', '65'], []])
    """
    every = [text.split(separator) if text else [] for text in column.to_pylist()]
    return pa.array([own[0] if own else "" for own in every], pa.string()), pa.array(every, pa.list_(pa.string()))
