"""Pairs of a candidate with every event of its row, as indices: the history itself is never repeated."""

from typing import NamedTuple

import tensorflow as tf

from mos_tf.ragged.rows import row_lengths


class Pairs(NamedTuple):
    """P = Σ_c (length of c's row) pairs, candidate after candidate, events in their order.

    Attributes:
        event: int64 [P], index of the pair's event in the flat history.
        candidate: int64 [P], index of the pair's candidate, ascending.
    """

    event: tf.Tensor
    candidate: tf.Tensor


def pair_rows(splits: tf.Tensor, candidate_rows: tf.Tensor) -> Pairs:
    """Pairs each candidate with the events of its row.

    Args:
        splits: int64 [R + 1], the history's rows.
        candidate_rows: int64 [M], the row each candidate looks at, in any order; rows may repeat or be left out.

    Example:

    >>> pairs = pair_rows(tf.constant([0, 2, 3], tf.int64), tf.constant([1, 0, 0], tf.int64))
    >>> pairs.event.numpy().tolist(), pairs.candidate.numpy().tolist()
    ([2, 0, 1, 0, 1], [0, 1, 1, 2, 2])
    """
    lengths = tf.gather(row_lengths(splits), candidate_rows)
    ends = tf.cumsum(lengths)
    candidate = tf.repeat(tf.range(tf.shape(lengths, out_type=tf.int64)[0]), lengths)
    offset = tf.gather(splits, candidate_rows) - (ends - lengths)
    event = tf.range(tf.shape(candidate, out_type=tf.int64)[0]) + tf.gather(offset, candidate)
    return Pairs(event, candidate)
