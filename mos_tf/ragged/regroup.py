"""Regrouping of rows by theme: rows [batch] become rows [batch x groups]."""

import tensorflow as tf

from mos_tf.ragged.rows import Rows, row_ids


def regroup_rows(rows: Rows, groups: tf.Tensor, num_groups: int) -> Rows:
    """Splits each row into one subsequence a group, order kept within each.

        row r, group k  →  row r · num_groups + k

    Args:
        rows: R sequences.
        groups: int [N], the group of each value, in [0, num_groups).
        num_groups: K.

    Returns:
        R · K sequences with the same N values.

    Example:

    >>> rows = Rows(tf.constant([1., 2., 3., 4.]), tf.constant([0, 3, 4], tf.int64))
    >>> by_group = regroup_rows(rows, tf.constant([1, 0, 1, 0]), 2)
    >>> by_group.values.numpy().tolist(), by_group.splits.numpy().tolist()
    ([2.0, 1.0, 3.0, 4.0], [0, 1, 3, 4, 4])
    """
    keys = row_ids(rows.splits) * num_groups + tf.cast(groups, tf.int64)
    size = tf.shape(keys, out_type=tf.int64)[0]
    # The position breaks ties, so equal keys keep their order whatever the sort does with them.
    order = tf.argsort(keys * size + tf.range(size))
    lengths = tf.math.unsorted_segment_sum(tf.ones_like(keys), keys, rows.num_rows * num_groups)
    return Rows(tf.gather(rows.values, order), tf.concat([[tf.zeros((), tf.int64)], tf.cumsum(lengths)], axis=0))
