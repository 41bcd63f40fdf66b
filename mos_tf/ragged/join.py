"""Joins candidates with the events of the same row and id, in O(events + candidates), without pairs."""

from typing import Any, NamedTuple

from keras import ops

from mos_tf.ragged.backend import count, flat_nonzero, joint_ids, segment_sum, take


class MatchedSums(NamedTuple):
    """For each candidate, over the events that match it.

    Attributes:
        sums: float [M, F], sums of the events' values; 0 where nothing matches.
        least: float [M], least of the events' keys; `inf` where nothing matches.
    """

    sums: Any
    least: Any


class Join(NamedTuple):
    """Which candidate sums which events, as slots that both share.

    Attributes:
        index: int [N'], positions of the events that match a candidate, in [0, N); None: all N do, by ascending slot.
        slots: int [N'], the slot that each of these goes into, in [0, total).
        candidates: int [M], the slot that each candidate reads, in [0, total); that of padding is one without events.
        total: number of slots.
    """

    index: Any
    slots: Any
    candidates: Any
    total: Any

    def of_events(self, values: Any) -> Any:
        """Returns the values [N, ...] of the events that match a candidate, [N', ...]."""
        return values if self.index is None else take(values, self.index)

    def sums(self, values: Any) -> Any:
        """Returns for each candidate the sum of `of_events` values [N', F] of the events that match it, [M, F]."""
        if self.index is None:
            return take(segment_sum(values, self.slots, self.total), self.candidates)
        return take(ops.segment_sum(values, self.slots, num_segments=self.total), self.candidates)

    def matched(self, values: Any, keys: Any) -> MatchedSums:
        """Sums the values of the events that match each candidate, and finds the least of their keys.

        Args:
            values: float [N, F], what to sum.
            keys: float [N], what to take the least of.
        """
        values, keys = self.of_events(values), self.of_events(keys)
        least = -ops.segment_max(-keys, self.slots, num_segments=self.total)
        some = ops.segment_sum(ops.ones_like(keys), self.slots, num_segments=self.total) > 0
        least = ops.where(some, least, float("inf"))
        return MatchedSums(self.sums(values), take(least, self.candidates))


def join(event_ids: Any, event_rows: Any, candidate_ids: Any, candidate_rows: Any) -> Join:
    """Finds the events that share a candidate's row and id. A negative id is padding: it matches nothing.

    Most events match no candidate, so all that follows is of those that do.

    Args:
        event_ids: int [N]; on JAX within its 32 bits, unless it computes in 64.
        event_rows: int [N].
        candidate_ids: int [M], as the events'.
        candidate_rows: int [M].
    """
    num_candidates = ops.cast(count(candidate_ids), "int32")
    numbers, total = joint_ids(
        ops.concatenate([candidate_rows, event_rows]), ops.concatenate([candidate_ids, event_ids])
    )
    asked, found = numbers[: count(candidate_ids)], numbers[count(candidate_ids) :]
    asked = ops.where(candidate_ids >= 0, asked, total)
    # A slot is the last of the candidates that share it; slot M is nobody's.
    last = ops.segment_max(ops.arange(num_candidates, dtype="int32"), asked, num_segments=total + 1)
    slot_of = ops.where(last >= 0, last, num_candidates)
    slots = take(slot_of, found)
    matches = slots < num_candidates
    index = flat_nonzero(matches)
    exists = ops.arange(count(index), dtype="int32") < ops.sum(ops.cast(matches, "int32"))
    slots = ops.where(exists, take(slots, index), num_candidates)
    return Join(index, slots, take(slot_of, asked), count(candidate_ids) + 1)
