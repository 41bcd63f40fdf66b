"""Random numbers that depend on what they are for and not on what was drawn before, so no chunk changes them."""

from enum import IntEnum, auto

import numpy as np
from scipy.special import ndtri

from mos_tf.datasets.hashing import mix


class Stream(IntEnum):
    """What a number is drawn for; two streams are independent."""

    POPULARITY = auto()
    NUM_SESSIONS = auto()
    SPAN = auto()
    START = auto()
    TASTE = auto()
    SESSION_LENGTH = auto()
    SESSION_GAP = auto()
    KEEP = auto()
    RESUME = auto()
    RESUME_LAG = auto()
    THEME = auto()
    SAME_MAIN = auto()
    MAIN = auto()
    DRIFT = auto()
    EVENT_GAP = auto()
    MIXTURE = auto()
    STAY = auto()
    SOURCE = auto()
    CATEGORY = auto()
    REPEAT = auto()
    REPEATED = auto()
    STYLE = auto()
    SHOWN_INTEREST = auto()
    SHOWN_SOURCE = auto()
    SHOWN_CATEGORY = auto()
    SHOWN_KIND = auto()
    SHOWN_ITEM = auto()


def uniform(key: np.ndarray, stream: Stream) -> np.ndarray:
    """Returns float64 in (0, 1), one for each uint64 key: `mix(seed, user, number of the event)` or the like."""
    return ((mix(stream, key) >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53


def normal(key: np.ndarray, stream: Stream) -> np.ndarray:
    """Returns standard normal float64, one for each key."""
    return ndtri(uniform(key, stream))


def roots(parent: np.ndarray) -> np.ndarray:
    """Returns the end of every chain of parents [N]; a root is its own parent. Doubling: log2(longest chain) steps.

    Example:

    >>> roots(np.array([0, 0, 1, 3, 2]))
    array([0, 0, 0, 3, 0])
    """
    while not np.array_equal(further := parent[parent], parent):
        parent = further
    return parent


def decaying(probability: float, gap: np.ndarray, scale: float, power: float) -> np.ndarray:
    """Returns probability * (1 + gap / scale) ** -power."""
    return probability * (1 + gap / scale) ** -power
