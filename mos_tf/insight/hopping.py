"""Session hopping: do a user's events agree more inside a session than across its end?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mos_tf.errors import DataError
from mos_tf.features import TIMESTAMP, USER_ID

SESSION_GAP = 1800
SESSION_ID = "session_id"
_QUANTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99}


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
    """

    same_session: float
    across_sessions: float
    random_same_user: float
    other_users: float
    pairs: dict[str, int]
    session_lengths: dict[str, float]
    sessions_per_user: dict[str, float]


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
    new_session = _changes(session)
    same, across, num_same, num_across = _neighbours(
        instant=np.cumsum(new_session | _changes(time)) - 1, session=session, user=user, label=label
    )
    return Hopping(
        same_session=same,
        across_sessions=across,
        random_same_user=_random_same_user(user, label),
        other_users=_other_users(user, label),
        pairs={"same_session": num_same, "across_sessions": num_across},
        session_lengths=_summary(np.bincount(np.cumsum(new_session) - 1)),
        sessions_per_user=_summary(np.bincount(user[new_session])),
    )


def _in_order(events: pd.DataFrame, category: str, gap_seconds: int) -> tuple[np.ndarray, ...]:
    """Returns user, session, time and category of the events [N], by user, then session, then time.

    All but the time are codes 0..; a session lies where it starts, even where sessions overlap.
    """
    user = pd.factorize(events[USER_ID])[0]
    time = events[TIMESTAMP].to_numpy(dtype=np.int64)
    label = pd.factorize(events[category])[0]
    if SESSION_ID in events and events[SESSION_ID].notna().all():
        given = pd.factorize(events[SESSION_ID])[0]
        session = np.unique(user * (given.max() + 1) + given, return_inverse=True)[1]
        start = np.full(session.max() + 1, time.max())
        np.minimum.at(start, session, time)
        order = np.lexsort((time, session, start[session], user))
        session = session[order]
    else:
        order = np.lexsort((time, user))
        pause = np.diff(time[order], prepend=time[order[:1]]) > gap_seconds
        session = np.cumsum(_changes(user[order]) | pause)
    return user[order], session, time[order], label[order]


def _neighbours(
    instant: np.ndarray, session: np.ndarray, user: np.ndarray, label: np.ndarray
) -> tuple[float, float, int, int]:
    """Returns the shares of agreeing neighbours inside and across sessions, and the numbers of such pairs."""
    first = np.flatnonzero(_changes(instant))
    size = np.bincount(instant).astype(float)
    inside = (size - 1) * _agreement(instant, label, size * (size - 1))
    # Where instant i ends and i + 1 begins: the pair of the same user, of one session or of two.
    between = _meeting(instant, label) / (size[:-1] * size[1:])
    same_user = user[first[:-1]] == user[first[1:]]
    same_session = same_user & (session[first[:-1]] == session[first[1:]])
    across = same_user & ~same_session
    num_same = int(np.sum(size - 1) + np.sum(same_session))
    num_across = int(np.sum(across))
    agreeing = np.sum(inside) + np.sum(between[same_session])
    return _share(agreeing, num_same), _share(np.sum(between[across]), num_across), num_same, num_across


def _random_same_user(user: np.ndarray, label: np.ndarray) -> float:
    """Every event with a random other one of its user; a user of one event has none."""
    size = np.bincount(user).astype(float)
    agreeing = size * _agreement(user, label, size * (size - 1))
    return _share(np.sum(agreeing), np.sum(size[size > 1]))


def _other_users(user: np.ndarray, label: np.ndarray) -> float:
    """Every event with a random event of another user."""
    users, labels, count = _counts(user, label)
    size = np.bincount(user)
    if len(size) < 2:
        return float("nan")
    others = (np.bincount(label)[labels] - count) / (len(user) - size[users])
    return _share(np.sum(count * others), len(user))


def _agreement(group: np.ndarray, label: np.ndarray, ordered_pairs: np.ndarray) -> np.ndarray:
    """Returns, for every group, the share of its ordered pairs of distinct events that agree; 0 without a pair."""
    groups, _, count = _counts(group, label)
    agreeing = np.bincount(groups, weights=count * (count - 1))
    return np.divide(agreeing, ordered_pairs, out=np.zeros_like(agreeing), where=ordered_pairs > 0)


def _meeting(instant: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Returns Σ_a m_i(a) m_{i+1}(a) for every instant i but the last."""
    instants, labels, count = _counts(instant, label)
    keys = instants * (labels.max() + 1) + labels
    following = keys + labels.max() + 1
    at = np.minimum(np.searchsorted(keys, following), len(keys) - 1)
    products = np.where(keys[at] == following, count * count[at], 0)
    return np.bincount(instants, weights=products)[:-1]


def _counts(group: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns group, label and number of events of every (group, label) that occurs, in that order."""
    width = label.max() + 1
    keys, count = np.unique(group * width + label, return_counts=True)
    return keys // width, keys % width, count


def _changes(values: np.ndarray) -> np.ndarray:
    """Returns bool [N], true at the first and wherever a value differs from the one before."""
    return np.concatenate([[True], values[1:] != values[:-1]])


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _summary(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(values.mean())} | {name: float(np.quantile(values, q)) for name, q in _QUANTILES.items()}
