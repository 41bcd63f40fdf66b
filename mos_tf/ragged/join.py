"""Joins candidates with the events of the same row and id, in O(events + candidates), without pairs."""

from typing import NamedTuple

import tensorflow as tf


class MatchedSums(NamedTuple):
    """For each candidate, over the events that match it.

    Attributes:
        sums: float [M, F], sums of the events' values; 0 where nothing matches.
        least: float [M], least of the events' keys; `inf` where nothing matches.
    """

    sums: tf.Tensor
    least: tf.Tensor


def join_sums(
    event_ids: tf.Tensor,
    event_rows: tf.Tensor,
    candidate_ids: tf.Tensor,
    candidate_rows: tf.Tensor,
    values: tf.Tensor,
    keys: tf.Tensor,
) -> MatchedSums:
    """Sums the values of the events that share a candidate's row and id.

    Args:
        event_ids: int [N]; non-negative.
        event_rows: int64 [N].
        candidate_ids: int [M]; non-negative.
        candidate_rows: int64 [M].
        values: float [N, F], what to sum.
        keys: float [N], what to take the least of.
    """
    ids = tf.concat([tf.cast(event_ids, tf.int64), tf.cast(candidate_ids, tf.int64)], axis=0)
    rows = tf.concat([event_rows, candidate_rows], axis=0)
    width = tf.reduce_max(tf.concat([ids, [0]], axis=0)) + 1
    distinct, slots = tf.unique(rows * width + ids, out_idx=tf.int64)
    num_events = tf.shape(event_ids)[0]
    event_slots, candidate_slots = slots[:num_events], slots[num_events:]
    num_slots = tf.shape(distinct)[0]
    sums = tf.math.unsorted_segment_sum(values, event_slots, num_slots)
    least = tf.math.unsorted_segment_min(keys, event_slots, num_slots)
    matched = tf.math.unsorted_segment_sum(tf.ones_like(keys), event_slots, num_slots) > 0
    least = tf.where(matched, least, tf.fill(tf.shape(least), float("inf")))
    return MatchedSums(tf.gather(sums, candidate_slots), tf.gather(least, candidate_slots))
