"""Pairs of a candidate with everything of its row, as indices: the history itself is repeated only where it must."""

from typing import Any, NamedTuple

from keras import ops

from mos_tf.ragged.backend import count, repeat, spread, take
from mos_tf.ragged.rows import row_ids, row_lengths


class Pairs(NamedTuple):
    """P = Σ_c (length of c's row) pairs, candidate after candidate, members of the row in their order.

    Attributes:
        member: int [P], index of the pair's member of the row; None where the pairs are the members themselves, each
            row having one candidate.
        candidate: int [P], index of the pair's candidate, ascending.
    """

    member: Any
    candidate: Any

    def of_members(self, values: Any) -> Any:
        """Returns the member's value of each pair, [P, ...]."""
        return values if self.member is None else take(values, self.member)

    def of_candidates(self, values: Any) -> Any:
        """Returns the candidate's value of each pair, [P, ...]."""
        return spread(values, self.candidate)


def pair_rows(splits: Any, candidate_rows: Any, size: Any = None) -> Pairs:
    """Pairs each candidate with the members of its row.

    Args:
        splits: int [R + 1], the rows, of events or of tiles.
        candidate_rows: int [M], the row each candidate looks at, in any order; rows may repeat or be left out. None:
            candidate c looks at row c.
        size: number of members, needed on JAX with `candidate_rows=None`.

    Example:

    >>> import tensorflow as tf
    >>> pairs = pair_rows(tf.constant([0, 2, 3], tf.int64), tf.constant([1, 0, 0], tf.int64))
    >>> pairs.member.numpy().tolist(), pairs.candidate.numpy().tolist()
    ([2, 0, 1, 0, 1], [0, 1, 1, 2, 2])
    """
    if candidate_rows is None:
        return Pairs(None, row_ids(splits, size))
    lengths = take(row_lengths(splits), candidate_rows)
    candidate = repeat(ops.arange(count(lengths), dtype=splits.dtype), lengths, None)
    offset = take(splits, candidate_rows) - (ops.cumsum(lengths) - lengths)
    return Pairs(ops.arange(count(candidate), dtype=splits.dtype) + take(offset, candidate), candidate)
