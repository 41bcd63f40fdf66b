"""`Sequences`: how many events and candidates a layer sees, which is all that its cost depends on."""

from typing import NamedTuple

import numpy as np


class Sequences(NamedTuple):
    """Kinds of row that a layer sees, each any number of times. All may be fractions: means over what may happen.

    Attributes:
        lengths: float [n], events of a row of each kind.
        candidates: float [n], candidates that look at such a row.
        rows: float [n], how many rows are of the kind.
        one_each: whether candidate c looks at row c (`candidate_rows=None`), for which layers have shorter ways.

    Example:

    >>> sequences = Sequences(np.array([100.0, 30.0]), np.array([2.0, 5.0]), np.array([1.0, 0.5]))
    >>> sequences.events, sequences.asked, sequences.pairs
    (115.0, 4.5, 275.0)
    """

    lengths: np.ndarray
    candidates: np.ndarray
    rows: np.ndarray
    one_each: bool = False

    def total(self, of_a_row: np.ndarray) -> float:
        """Sums what there is of something in a row of each kind over all rows."""
        return float(np.sum(self.rows * of_a_row))

    @property
    def num_rows(self) -> float:
        """How many rows there are."""
        return float(np.sum(self.rows))

    @property
    def events(self) -> float:
        """How many events there are."""
        return self.total(self.lengths)

    @property
    def asked(self) -> float:
        """How many candidates there are."""
        return self.total(self.candidates)

    @property
    def pairs(self) -> float:
        """How many pairs of a candidate and an event of its row there are."""
        return self.total(self.candidates * self.lengths)

    def last(self, window: float) -> "Sequences":
        """Returns the rows cut to their last `window` events."""
        return self._replace(lengths=np.minimum(self.lengths, window))
