"""`Sequences`: all users' item sequences in one array, and which of their places a sample has taken."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

PADDING = 0


class Sequences:
    """Flat item indices [N] with row splits, some millions of integers.

    Args:
        lists: int64, row u has the items of user u, oldest first.

    Example:

    >>> sequences = Sequences(pa.array([[7, 8], [9]]))
    >>> sequences.take(users=np.array([0]), positions=np.array([1]), items=np.array([8]))
    >>> [[column.tolist() for column in chunk] for chunk in sequences.left(at_once=10)]  # users, positions, items
    [[[0, 1], [0, 0], [7, 9]]]
    """

    def __init__(self, lists: pa.ListArray):
        self._lengths = lists.value_lengths().fill_null(0).to_numpy().astype(np.int64)
        self._starts = np.cumsum(self._lengths) - self._lengths
        self._items = lists.flatten().fill_null(PADDING).to_numpy()
        self._left = self._items != PADDING

    def __len__(self) -> int:
        return len(self._lengths)

    def take(self, users: np.ndarray, positions: np.ndarray, items: np.ndarray) -> None:
        """Takes the places [n] at which the user's sequence has just this item; other samples take none."""
        inside = (users >= 0) & (positions >= 0)
        inside[inside] = positions[inside] < self._lengths[users[inside]]
        places = self._starts[users[inside]] + positions[inside]
        self._left[places[self._items[places] == items[inside]]] = False

    def left(self, at_once: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yields users, positions and items of the places that nobody took, padding aside, `at_once` at a time."""
        places = np.flatnonzero(self._left)
        for start in range(0, len(places), at_once):
            chunk = places[start : start + at_once]
            users = np.searchsorted(self._starts + self._lengths, chunk, side="right")
            yield users, chunk - self._starts[users], self._items[chunk]
