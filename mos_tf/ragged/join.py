"""Joins candidates with the events of the same row and id, in O(events + candidates), without pairs."""

from typing import Any, NamedTuple

from keras import ops

from mos_tf.ragged.backend import count, joint_ids, take


class MatchedSums(NamedTuple):
    """For each candidate, over the events that match it.

    Attributes:
        sums: float [M, F], sums of the events' values; 0 where nothing matches.
        least: float [M], least of the events' keys; `inf` where nothing matches.
    """

    sums: Any
    least: Any


def join_sums(
    event_ids: Any, event_rows: Any, candidate_ids: Any, candidate_rows: Any, values: Any, keys: Any
) -> MatchedSums:
    """Sums the values of the events that share a candidate's row and id.

    Args:
        event_ids: int [N]; non-negative.
        event_rows: int [N].
        candidate_ids: int [M]; non-negative.
        candidate_rows: int [M].
        values: float [N, F], what to sum.
        keys: float [N], what to take the least of.
    """
    index = event_rows.dtype
    numbers, total = joint_ids(
        ops.concatenate([event_rows, candidate_rows]),
        ops.concatenate([ops.cast(event_ids, index), ops.cast(candidate_ids, index)]),
    )
    num_events = count(event_rows)
    event_numbers, candidate_numbers = numbers[:num_events], numbers[num_events:]
    sums = ops.segment_sum(values, event_numbers, num_segments=total)
    least = -ops.segment_max(-keys, event_numbers, num_segments=total)
    matched = ops.segment_sum(ops.ones_like(keys), event_numbers, num_segments=total) > 0
    least = ops.where(matched, least, float("inf"))
    return MatchedSums(take(sums, candidate_numbers), take(least, candidate_numbers))
