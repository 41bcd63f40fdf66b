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


class Join(NamedTuple):
    """Numbers that events and candidates share where their row and id are the same.

    Attributes:
        events: int [N], in [0, total).
        candidates: int [M], in [0, total); that of padding is a number that no event has.
        total: how many numbers there are.
    """

    events: Any
    candidates: Any
    total: Any

    def sums(self, values: Any) -> Any:
        """Returns for each candidate the sum of the values [N, F] of the events that match it, [M, F]."""
        return take(ops.segment_sum(values, self.events, num_segments=self.total), self.candidates)

    def matched(self, values: Any, keys: Any) -> MatchedSums:
        """Sums the values of the events that match each candidate, and finds the least of their keys.

        Args:
            values: float [N, F], what to sum.
            keys: float [N], what to take the least of.
        """
        least = -ops.segment_max(-keys, self.events, num_segments=self.total)
        some = ops.segment_sum(ops.ones_like(keys), self.events, num_segments=self.total) > 0
        least = ops.where(some, least, float("inf"))
        return MatchedSums(self.sums(values), take(least, self.candidates))


def join(event_ids: Any, event_rows: Any, candidate_ids: Any, candidate_rows: Any) -> Join:
    """Numbers the distinct (row, id) of events and candidates. A negative id is padding: it matches nothing.

    Args:
        event_ids: int [N]; on JAX within its 32 bits, unless it computes in 64.
        event_rows: int [N].
        candidate_ids: int [M], as the events'.
        candidate_rows: int [M].
    """
    numbers, total = joint_ids(
        ops.concatenate([event_rows, candidate_rows]), ops.concatenate([event_ids, candidate_ids])
    )
    num_events = count(event_rows)
    wanted = ops.where(candidate_ids >= 0, numbers[num_events:], total)
    return Join(numbers[:num_events], wanted, total + 1)


def join_sums(
    event_ids: Any, event_rows: Any, candidate_ids: Any, candidate_rows: Any, values: Any, keys: Any
) -> MatchedSums:
    """Sums the values of the events that share a candidate's row and id: `Join.matched` of `join`.

    Args:
        event_ids: int [N], as `join` takes them.
        event_rows: int [N].
        candidate_ids: int [M].
        candidate_rows: int [M].
        values: float [N, F], what to sum.
        keys: float [N], what to take the least of.
    """
    return join(event_ids, event_rows, candidate_ids, candidate_rows).matched(values, keys)
