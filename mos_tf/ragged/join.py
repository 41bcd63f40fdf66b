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
    """Sums the values of the events that share a candidate's row and id. A negative id is padding: it matches nothing.

    Args:
        event_ids: int [N]; on JAX within its 32 bits, unless it computes in 64.
        event_rows: int [N].
        candidate_ids: int [M], as the events'.
        candidate_rows: int [M].
        values: float [N, F], what to sum.
        keys: float [N], what to take the least of.
    """
    numbers, total = joint_ids(
        ops.concatenate([event_rows, candidate_rows]), ops.concatenate([event_ids, candidate_ids])
    )
    num_events = count(event_rows)
    wanted = ops.where(candidate_ids >= 0, numbers[num_events:], total)  # a number that no event has
    return sums_by_number(numbers[:num_events], wanted, total + 1, values, keys)


def sums_by_number(event_numbers: Any, candidate_numbers: Any, total: Any, values: Any, keys: Any) -> MatchedSums:
    """Sums the values of the events that share a candidate's number, as their rows are.

    Args:
        event_numbers: int [N], in [0, total).
        candidate_numbers: int [M], in [0, total).
        total: how many numbers there are.
        values: float [N, F], what to sum.
        keys: float [N], what to take the least of.
    """
    sums = ops.segment_sum(values, event_numbers, num_segments=total)
    least = -ops.segment_max(-keys, event_numbers, num_segments=total)
    matched = ops.segment_sum(ops.ones_like(keys), event_numbers, num_segments=total) > 0
    least = ops.where(matched, least, float("inf"))
    return MatchedSums(take(sums, candidate_numbers), take(least, candidate_numbers))
