"""What a session is about: its top category, whether the next session keeps it, and when a user returns to it."""

from dataclasses import dataclass

import numpy as np

from mos_tf.insight.groups import changes, counts, share, summary

LONG_SESSION = 5


@dataclass(frozen=True)
class Focus:
    """Top categories: the most frequent one of a session; of equally frequent ones, the one met first.

    Args:
        top_share: mean share of the events that the top category holds, over sessions of `LONG_SESSION` or more.
        next_keeps_top: share of sessions with a next one whose next one has the same top category.
        returns: share of sessions whose top category was that of an earlier session of the user.
        return_lags: `"mean"`, `"p50"`, `"p75"`, `"p90"`, `"p99"` of the sessions since the latest such one, 1 for the
            session before.
        effective_categories: exp(entropy) of the categories of a user's events, mean over users: as many equal ones
            would be as varied.
    """

    top_share: float
    next_keeps_top: float
    returns: float
    return_lags: dict[str, float]
    effective_categories: float


def session_focus(user: np.ndarray, session: np.ndarray, label: np.ndarray) -> Focus:
    """Measures the focus of sessions.

    Args:
        user: codes [N] of the events' users; events lie by user, then session, then time.
        session: codes [N], counting up from 0 over all users.
        label: codes [N] of the categories.

    Example:

    >>> session_focus(np.zeros(4, int), np.array([0, 1, 2, 2]), np.array([7, 8, 7, 7])).return_lags["p50"]
    2.0
    """
    owner = user[changes(session)]
    top, top_count = _tops(session, label)
    length = np.bincount(session)
    long = length >= LONG_SESSION
    followed = owner[1:] == owner[:-1]
    lags = _return_lags(owner, top)
    return Focus(
        top_share=share(np.sum(top_count[long] / length[long]), np.count_nonzero(long)),
        next_keeps_top=share(np.count_nonzero(followed & (top[1:] == top[:-1])), np.count_nonzero(followed)),
        returns=len(lags) / len(top),
        return_lags=summary(lags),
        effective_categories=_effective_number(user, label),
    )


def _tops(session: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns label and count of the top category of every session."""
    width = label.max() + 1
    keys, first, count = np.unique(session * width + label, return_index=True, return_counts=True)
    order = np.lexsort((first, -count, keys // width))
    best = order[changes(keys[order] // width)]
    return keys[best] % width, count[best]


def _return_lags(owner: np.ndarray, top: np.ndarray) -> np.ndarray:
    """Returns, for every session with an earlier one of the same user and top, how many sessions it lies back."""
    order = np.lexsort((top, owner))  # stable: by owner, then top, then time
    again = (owner[order][1:] == owner[order][:-1]) & (top[order][1:] == top[order][:-1])
    return np.diff(order)[again]


def _effective_number(user: np.ndarray, label: np.ndarray) -> float:
    users, _, count = counts(user, label)
    p = count / np.bincount(user)[users]
    return float(np.mean(np.exp(np.bincount(users, weights=-p * np.log(p)))))
