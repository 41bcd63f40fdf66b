"""The k highest scored members of each row, ragged: a short row gives all it has."""

from typing import Any

from keras import ops

from mos_tf.ragged.backend import count, stable_argsort, take
from mos_tf.ragged.rows import Rows
from mos_tf.ragged.selection import Selection, keep


def top_k_events(rows: Rows, scores: Any, k: int) -> Selection:
    """Keeps the `k` highest scores of each row, highest first; of equal ones the earlier.

    Args:
        rows: R sequences of N events.
        scores: float [N].
        k: how many.

    Example:

    >>> import tensorflow as tf
    >>> rows = Rows(tf.constant([1., 3., 2., 7.]), tf.constant([0, 3, 4], tf.int64))
    >>> top_k_events(rows, rows.values, 2).rows(rows.values).values.numpy().tolist()
    [3.0, 2.0, 7.0]
    """
    ids = rows.ids
    by_score = ops.argsort(-scores)
    order = take(by_score, stable_argsort(take(ids, by_score)))
    position = ops.arange(count(ids), dtype=ids.dtype)
    rank = position - take(rows.splits, ids)  # the rows keep their places, so ids are still ascending
    best = keep(rows, (rank < k) & (position < rows.splits[-1]))
    index = take(order, best.index)
    place = ops.scatter_update(
        ops.full(ops.shape(order), -1, dtype=ids.dtype), index[:, None], ops.arange(count(index), dtype=ids.dtype)
    )
    return Selection(index, place, best.splits)
