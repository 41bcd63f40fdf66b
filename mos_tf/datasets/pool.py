"""`SamplingPool`: the items that could have been seen at a time, drawn from as often as they had been."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mos_tf.datasets.hashing import hash_strings, mix
from mos_tf.datasets.tables import WEEK_SECONDS

_DRAWS_PER_ITEM = 4  # more than one, so that repeats rarely take a second round


class SamplingPool:
    """What negatives are drawn from where nobody knows what was shown: items by their popularity at that time.

        P(item) = events of the item / events of all                     weeks before the request's week

    and without replacement: each next draw has these odds among the items that are left (successive sampling).

    A week's pool is a prefix of the log in order of weeks, and the item of one of its events, drawn evenly, is an item
    drawn by its count. So no week needs a table of its own, and a draw is one search in cumulative counts.

    Args:
        item_ids, weeks, counts: equally long, from `weekly_counts` up to the last request: evaluation draws from the
            items of its own time. A pair of item and week may come in parts.

    Attributes:
        item_ids: object [M], by item code.
        item_hashes: uint64 [M], their hashes.

    Example:

    >>> pool = SamplingPool(["tea", "milk", "jam"], weeks=[0, 0, 1], counts=[9, 1, 5])
    >>> pool.codes(["milk", "jam"], time=WEEK_SECONDS)  # jam's first event is in week 1, so it is seen from week 2 on
    array([ 1, -1])
    >>> milk = pool.codes(["milk"], time=2 * WEEK_SECONDS)
    >>> pool.item_ids[pool.draw(4, time=2 * WEEK_SECONDS, without=milk, seeds=(0, 7))].tolist()  # there are but two
    ['tea', 'jam']
    """

    def __init__(
        self,
        item_ids: Sequence[str] | np.ndarray,
        weeks: Sequence[int] | np.ndarray,
        counts: Sequence[int] | np.ndarray,
    ):
        # Sorted, or the codes, and so the draws, would depend on the order in which the parts came.
        codes, self.item_ids = pd.factorize(np.asarray(item_ids, dtype=np.object_), sort=True)
        self.item_hashes = hash_strings(self.item_ids)
        weeks = np.asarray(weeks, dtype=np.int64)
        order = np.lexsort((codes, weeks))
        self._codes = codes[order].astype(np.int32)
        self._weeks = weeks[order]
        self._counts = np.asarray(counts, dtype=np.int64)[order]
        self._cumulative = np.cumsum(self._counts)
        self._index = pd.Index(self.item_ids, dtype=object)
        first = np.unique(self._codes, return_index=True)[1]
        self._first_week = np.append(self._weeks[first], np.iinfo(np.int64).max)  # the last, code -1: never

    def codes(self, item_ids: Sequence[str] | np.ndarray, time: int) -> np.ndarray:
        """Returns int64 item codes [n], -1 for an item without an event before the week of `time` (UTC seconds)."""
        codes = self._index.get_indexer(pd.Index(item_ids, dtype=object))
        return np.where(self._first_week[codes] < time // WEEK_SECONDS, codes, -1)

    def draw(self, count: int, time: int, *, without: np.ndarray, seeds: tuple[int, ...]) -> np.ndarray:
        """Draws items without replacement.

        Args:
            count: how many; there are fewer where the pool has no more.
            time: of the request, UTC seconds.
            without: int [k], item codes that are never drawn.
            seeds: decide the draws, whatever is drawn before or elsewhere.

        Returns:
            int32 item codes [n], n <= count, in the order of their draws.
        """
        size = np.searchsorted(self._weeks, time // WEEK_SECONDS)
        codes, counts, cumulative = self._codes[:size], self._counts[:size], self._cumulative[:size]
        taken, enough, rounds = np.asarray(without, dtype=np.int32), len(without) + count, 0
        while len(taken) < enough and len(codes):
            hashes = mix(*seeds, rounds, np.arange(_DRAWS_PER_ITEM * (enough - len(taken))))
            event = (hashes % np.uint64(cumulative[-1])).astype(np.int64)
            drawn = pd.unique(codes[np.searchsorted(cumulative, event, side="right")])  # in the order of their draws
            taken = np.append(taken, drawn[~np.isin(drawn, taken)])[:enough]
            if len(taken) < enough:  # go on among the others alone, so that every further round finds at least one
                left = ~np.isin(codes, taken)
                codes, counts = codes[left], counts[left]
                cumulative, rounds = np.cumsum(counts), rounds + 1
        return taken[len(without) :]
