"""`Rows`: a batch of sequences of any length as flat values and row splits."""

from typing import Any, NamedTuple

import tensorflow as tf
from keras import ops

from mos_tf.ragged.backend import INDEX, concrete, count, repeat, segment_sum, take


class Rows(NamedTuple):
    """R sequences, one after the other.

    Attributes:
        values: [N, ...], the events of all rows, row after row. N may exceed the last split (on JAX, where sizes are
            static): what lies behind it belongs to no row.
        splits: int [R + 1]; row r is `values[splits[r]:splits[r + 1]]`, `splits[0] = 0`.
    """

    values: Any
    splits: Any

    @classmethod
    def of(cls, tensor: Any) -> "Rows":
        """Takes a RaggedTensor [R, (n), ...] apart; a dense [R, ...] tensor is one value a row."""
        if isinstance(tensor, Rows):
            return tensor
        if isinstance(tensor, tf.RaggedTensor):
            return cls(concrete(tensor.values), ops.cast(concrete(tensor.row_splits), INDEX))
        return cls(tensor, ops.arange(count(tensor) + 1, dtype=INDEX))

    @property
    def num_rows(self) -> Any:
        """R, an integer scalar."""
        return count(self.splits) - 1

    @property
    def ids(self) -> Any:
        """The row of each value, int [N], ascending; R behind the last row."""
        return row_ids(self.splits, count(self.values))


def row_lengths(splits: Any) -> Any:
    """Returns the number of values of each row, int [R]."""
    return splits[1:] - splits[:-1]


def splits_of(lengths: Any) -> Any:
    """Returns the row splits of rows of these lengths, int [R + 1]."""
    return ops.concatenate([ops.zeros([1], dtype=lengths.dtype), ops.cumsum(lengths)])


def row_ids(splits: Any, size: Any = None) -> Any:
    """Returns the row of each value, int [N], ascending; R, which is none, behind the last split.

    Args:
        splits: int [R + 1].
        size: N; default `splits[-1]`.

    Example:

    >>> row_ids(tf.constant([0, 2, 2, 3], tf.int64)).numpy().tolist()
    [0, 0, 2]
    """
    lengths = row_lengths(splits)
    if size is not None:
        lengths = ops.concatenate([lengths, ops.reshape(ops.cast(size, splits.dtype) - splits[-1], (1,))])
    return repeat(ops.arange(count(lengths), dtype=splits.dtype), lengths, size)


def row_means(rows: Rows) -> Any:
    """Returns the mean of each row's values in float32, [R, ...]; 0 for an empty row.

    Example:

    >>> row_means(Rows(tf.constant([[1.0], [3.0], [5.0]]), tf.constant([0, 2, 2, 3], tf.int64))).numpy().tolist()
    [[2.0], [0.0], [5.0]]
    """
    values = ops.cast(rows.values, "float32")
    # On JAX what lies behind the last row belongs to none of them, and is left out.
    sums = segment_sum(values, rows.ids, rows.num_rows)
    sizes = ops.cast(ops.maximum(row_lengths(rows.splits), 1), "float32")
    return sums / ops.reshape(sizes, (-1, *([1] * (len(values.shape) - 1))))


def rank_from_end(splits: Any, size: Any = None) -> Any:
    """Returns each value's distance to the end of its row, int [N]: 0 for the last, most recent one.

    Example:

    >>> rank_from_end(tf.constant([0, 3, 4], tf.int64)).numpy().tolist()
    [2, 1, 0, 0]
    """
    rows = row_ids(splits, size)  # the same ones that most callers need anyway: the graph makes them once
    return take(splits[1:], rows) - 1 - ops.arange(count(rows), dtype=splits.dtype)
