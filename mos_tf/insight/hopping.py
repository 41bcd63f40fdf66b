"""Session hopping: do a user's events agree more inside a session than across its end?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mos_tf.errors import DataError
from mos_tf.features import TIMESTAMP, USER_ID
from mos_tf.insight.focus import Focus, session_focus
from mos_tf.insight.groups import changes, counts, share, summary

SESSION_GAP = 1800
SESSION_ID = "session_id"
GAPS = {
    "< 1 min": 60,
    "1-5 min": 300,
    "5-10 min": 600,
    "10-30 min": 1800,
    "30-60 min": 3600,
    "1-4 h": 14_400,
    "4-24 h": 86_400,
    "> 1 day": np.inf,
}


@dataclass(frozen=True)
class Hopping:
    """Shares of event pairs that have the same category, NaN where there is no such pair.

    Interests hop where `same_session` lies well above `across_sessions`, and that hardly above `random_same_user`.

    Args:
        same_session: neighbours in time inside one session.
        across_sessions: the last event of a session and the first of the user's next one.
        random_same_user: an event and any other event of its user.
        other_users: an event and any event of another user.
        pairs: number of neighbouring pairs by `"same_session"` and `"across_sessions"`.
        session_lengths: `"mean"`, `"p50"`, `"p75"`, `"p90"`, `"p99"` of the events of a session.
        sessions_per_user: the same of the sessions of a user.
        by_gap: the share of all neighbours of one user by the time between them, inside sessions and across.
        focus: what single sessions are about, and how often a user returns to it.
    """

    same_session: float
    across_sessions: float
    random_same_user: float
    other_users: float
    pairs: dict[str, int]
    session_lengths: dict[str, float]
    sessions_per_user: dict[str, float]
    by_gap: dict[str, float]
    focus: Focus


def session_hopping(events: pd.DataFrame, category: str, *, gap_seconds: int = SESSION_GAP) -> Hopping:
    """Measures how often two events agree on the category, by how they lie to each other.

    Order inside one instant means nothing (the lines of a basket are sorted by product), so every share is the
    expectation over all orders of the events that share an instant. With m_i(a) events of category a among the m_i
    of instant i:

        m_i - 1 neighbours inside i agree with probability   Σ_a m_i(a) (m_i(a) - 1) / (m_i (m_i - 1))
        the neighbours where i ends and i + 1 begins with    Σ_a m_i(a) m_{i+1}(a) / (m_i m_{i+1})

    The shares for random pairs are exact in the same way: nothing is sampled, so nothing needs a seed.

    Args:
        events: one event a row, in any order: `user_id`, `timestamp` (seconds), the category and perhaps
            `session_id`. Events without a category are left out.
        category: name of the column that is compared.
        gap_seconds: where not every event has a `session_id`, a longer pause of its user begins a new session.

    Raises:
        DataError: a column is missing, or no event has a category.

    Example:

    >>> events = pd.DataFrame(
    ...     {"user_id": list("uuuu"), "timestamp": [0, 60, 7200, 7260], "category": ["tea", "tea", "jam", "jam"]}
    ... )
    >>> hopping = session_hopping(events, "category")
    >>> hopping.same_session, hopping.across_sessions, round(hopping.random_same_user, 3)
    (1.0, 0.0, 0.333)
    """
    missing = [name for name in (USER_ID, TIMESTAMP, category) if name not in events]
    if missing:
        raise DataError(f"session hopping needs the columns {missing}. Received: {list(events)}")
    events = events[events[category].notna() & (events[category] != "")]
    if events.empty:
        raise DataError(f"session hopping needs events with a category. Received: none in column {category!r}")
    user, session, time, label = _in_order(events, category, gap_seconds)
    new_session = changes(session)
    neighbours = _Neighbours.of(
        instant=np.cumsum(new_session | changes(time)) - 1, session=session, user=user, time=time, label=label
    )
    within, across = neighbours.same_session, ~neighbours.same_session
    return Hopping(
        same_session=neighbours.agreement(within),
        across_sessions=neighbours.agreement(across),
        random_same_user=_random_same_user(user, label),
        other_users=_other_users(user, label),
        pairs={"same_session": neighbours.count(within), "across_sessions": neighbours.count(across)},
        session_lengths=summary(np.bincount(np.cumsum(new_session) - 1)),
        sessions_per_user=summary(np.bincount(user[new_session])),
        by_gap={
            name: neighbours.agreement((neighbours.gap >= shortest) & (neighbours.gap < longest))
            for (name, longest), shortest in zip(GAPS.items(), [0, *GAPS.values()], strict=False)
        },
        focus=session_focus(user, np.cumsum(new_session) - 1, label),
    )


def _in_order(events: pd.DataFrame, category: str, gap_seconds: int) -> tuple[np.ndarray, ...]:
    """Returns user, session, time and category of the events [N], by user, then session, then time.

    All but the time are codes 0..; a session lies where it starts, even where sessions overlap.
    """
    user = pd.factorize(events[USER_ID])[0]
    time = events[TIMESTAMP].to_numpy(dtype=np.int64)
    label = pd.factorize(events[category], sort=True)[0]
    if SESSION_ID in events and events[SESSION_ID].notna().all():
        given = pd.factorize(events[SESSION_ID])[0]
        session = np.unique(user * (given.max() + 1) + given, return_inverse=True)[1]
        start = np.full(session.max() + 1, time.max())
        np.minimum.at(start, session, time)
        order = np.lexsort((label, time, session, start[session], user))
        session = session[order]
    else:
        order = np.lexsort((label, time, user))
        pause = np.diff(time[order], prepend=time[order[:1]]) > gap_seconds
        session = np.cumsum(changes(user[order]) | pause)
    return user[order], session, time[order], label[order]


@dataclass(frozen=True)
class _Neighbours:
    """Pairs of neighbouring events of one user: `pairs` of them agree on `agreeing`, expected over all orders."""

    agreeing: np.ndarray
    pairs: np.ndarray
    gap: np.ndarray  # seconds
    same_session: np.ndarray

    @classmethod
    def of(
        cls, instant: np.ndarray, session: np.ndarray, user: np.ndarray, time: np.ndarray, label: np.ndarray
    ) -> "_Neighbours":
        """The pairs inside every instant, then those where an instant ends and the user's next one begins."""
        first = np.flatnonzero(changes(instant))
        size = np.bincount(instant).astype(float)
        inside = (size - 1) * _agreement(instant, label, size * (size - 1))
        between = _meeting(instant, label) / (size[:-1] * size[1:])
        same_user = user[first[:-1]] == user[first[1:]]
        gap = np.abs(np.diff(time[first]))[same_user]
        same_session = (session[first[:-1]] == session[first[1:]])[same_user]
        return cls(
            agreeing=np.concatenate([inside, between[same_user]]),
            pairs=np.concatenate([size - 1, np.ones(len(gap))]),
            gap=np.concatenate([np.zeros(len(size)), gap]),
            same_session=np.concatenate([np.ones(len(size), dtype=bool), same_session]),
        )

    def count(self, chosen: np.ndarray) -> int:
        return int(np.sum(self.pairs[chosen]))

    def agreement(self, chosen: np.ndarray) -> float:
        return share(np.sum(self.agreeing[chosen]), np.sum(self.pairs[chosen]))


def _random_same_user(user: np.ndarray, label: np.ndarray) -> float:
    """Every event with a random other one of its user; a user of one event has none."""
    size = np.bincount(user).astype(float)
    agreeing = size * _agreement(user, label, size * (size - 1))
    return share(np.sum(agreeing), np.sum(size[size > 1]))


def _other_users(user: np.ndarray, label: np.ndarray) -> float:
    """Every event with a random event of another user."""
    users, labels, count = counts(user, label)
    size = np.bincount(user)
    if len(size) < 2:
        return float("nan")
    others = (np.bincount(label)[labels] - count) / (len(user) - size[users])
    return share(np.sum(count * others), len(user))


def _agreement(group: np.ndarray, label: np.ndarray, ordered_pairs: np.ndarray) -> np.ndarray:
    """Returns, for every group, the share of its ordered pairs of distinct events that agree; 0 without a pair."""
    groups, _, count = counts(group, label)
    agreeing = np.bincount(groups, weights=count * (count - 1))
    return np.divide(agreeing, ordered_pairs, out=np.zeros_like(agreeing), where=ordered_pairs > 0)


def _meeting(instant: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Returns Σ_a m_i(a) m_{i+1}(a) for every instant i but the last."""
    instants, labels, count = counts(instant, label)
    keys = instants * (labels.max() + 1) + labels
    following = keys + labels.max() + 1
    at = np.minimum(np.searchsorted(keys, following), len(keys) - 1)
    products = np.where(keys[at] == following, count * count[at], 0)
    return np.bincount(instants, weights=products)[:-1]
