"""`Rows`: a batch of sequences of any length as flat values and row splits."""

from typing import NamedTuple

import tensorflow as tf


class Rows(NamedTuple):
    """R sequences, one after the other.

    Attributes:
        values: [N, ...], the events of all rows, row after row.
        splits: int64 [R + 1]; row r is `values[splits[r]:splits[r + 1]]`, `splits[0] = 0`, `splits[R] = N`.
    """

    values: tf.Tensor
    splits: tf.Tensor

    @classmethod
    def of(cls, tensor: tf.RaggedTensor | tf.Tensor) -> "Rows":
        """Takes a tensor [R, (n), ...] apart; a dense [R, ...] tensor is one value a row."""
        if isinstance(tensor, tf.RaggedTensor):
            return cls(tensor.values, tf.cast(tensor.row_splits, tf.int64))
        return cls(tensor, tf.range(tf.shape(tensor, out_type=tf.int64)[0] + 1))

    @property
    def num_rows(self) -> tf.Tensor:
        """R, int64 scalar."""
        return tf.shape(self.splits, out_type=tf.int64)[0] - 1


def row_lengths(splits: tf.Tensor) -> tf.Tensor:
    """Returns the number of values of each row, int64 [R]."""
    return splits[1:] - splits[:-1]


def row_ids(splits: tf.Tensor) -> tf.Tensor:
    """Returns the row of each value, int64 [N], ascending.

    Example:

    >>> row_ids(tf.constant([0, 2, 2, 3], tf.int64)).numpy().tolist()
    [0, 0, 2]
    """
    lengths = row_lengths(splits)
    return tf.repeat(tf.range(tf.shape(lengths, out_type=tf.int64)[0]), lengths)


def rank_from_end(splits: tf.Tensor) -> tf.Tensor:
    """Returns each value's distance to the end of its row, int64 [N]: 0 for the last, most recent one.

    Example:

    >>> rank_from_end(tf.constant([0, 3, 4], tf.int64)).numpy().tolist()
    [2, 1, 0, 0]
    """
    return tf.repeat(splits[1:], row_lengths(splits)) - 1 - tf.range(splits[-1])


def last_events(rows: Rows, n: int) -> Rows:
    """Returns the last `n` values of each row (the whole row where it is shorter)."""
    kept = tf.boolean_mask(rows.values, rank_from_end(rows.splits) < n)
    lengths = tf.minimum(row_lengths(rows.splits), n)
    return Rows(kept, tf.concat([[tf.zeros((), tf.int64)], tf.cumsum(lengths)], axis=0))
