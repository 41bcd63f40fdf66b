"""`Timeline`: one user's events over time, by theme."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mos_tf.errors import MosError
from mos_tf.features import TIMESTAMP, USER_ID
from mos_tf.insight.hopping import SESSION_ID

LANES = 7
THEME = "theme"
_ENOUGH_EVENTS, _SEVERAL_THEMES = 200, 4
_STEPS = {"hour": 3600, "day": 86_400, "week": 604_800}
_MOST_STEPS = 100


@dataclass(frozen=True)
class Timeline:
    """One user's events, counted by theme and step of time.

    Args:
        user_id: whose events.
        num_events: all of them.
        num_sessions: None where the log names no sessions.
        num_themes: themes with an event.
        effective_themes: exp(entropy) of the themes' shares: as many equal ones would be as varied.
        step: `"hour"`, `"day"` or `"week"`.
        start, end: a step before and after the whole log (UTC), so that timelines of several users line up.
        lanes: the user's most frequent themes, that first.
        dots: columns `theme` (-1: all themes without a lane), `time` (the step's start, UTC) and `events`.
    """

    user_id: str
    num_events: int
    num_sessions: int | None
    num_themes: int
    effective_themes: float
    step: str
    start: pd.Timestamp
    end: pd.Timestamp
    lanes: tuple[int, ...]
    dots: pd.DataFrame


def timeline(events: pd.DataFrame, user_id: str) -> Timeline:
    """Returns the timeline of one user.

    Args:
        events: `user_id`, `timestamp` (UTC seconds), `theme` and perhaps `session_id`.
        user_id: one of the users.

    Raises:
        MosError: the log has no event of that user.
    """
    own = events[events[USER_ID] == user_id]
    if own.empty:
        raise MosError(f"a timeline is drawn of a user of the log. Received: user {user_id!r}, who has no event")
    shares = (
        own[THEME].value_counts(normalize=True).sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    )
    lanes = tuple(int(theme) for theme in shares.index[:LANES])
    first, last = events[TIMESTAMP].min(), events[TIMESTAMP].max()
    step = next((name for name, length in _STEPS.items() if last - first <= _MOST_STEPS * length), "week")
    length = _STEPS[step]
    dots = pd.DataFrame(
        {
            THEME: own[THEME].where(own[THEME].isin(lanes), -1),
            "time": pd.to_datetime(own[TIMESTAMP] // length * length, unit="s"),
        }
    )
    return Timeline(
        user_id=user_id,
        num_events=len(own),
        num_sessions=own[SESSION_ID].nunique() if SESSION_ID in own else None,
        num_themes=len(shares),
        effective_themes=float(np.exp(-np.sum(shares * np.log(shares)))),
        step=step,
        start=pd.to_datetime(first // length * length - length, unit="s"),
        end=pd.to_datetime(last // length * length + length, unit="s"),
        lanes=lanes,
        dots=dots.groupby([THEME, "time"]).size().rename("events").reset_index(),
    )


def contrasting_users(events: pd.DataFrame, first: str | None = None) -> list[str]:
    """Returns three users with long histories: one of few themes, one in the middle, one of many.

    Args:
        events: `user_id` and `theme`.
        first: takes the middle one's place and leads.
    """
    counts = events.groupby([USER_ID, THEME]).size()
    totals = counts.groupby(level=USER_ID).sum()
    shares = counts / totals.reindex(counts.index, level=USER_ID)
    variety: pd.Series = (-shares * np.log(shares)).groupby(level=USER_ID).sum()
    several = counts.groupby(level=USER_ID).size() >= _SEVERAL_THEMES
    eligible = variety[(totals >= _ENOUGH_EVENTS) & several].drop(index=[first], errors="ignore")
    if len(eligible) < 3:
        eligible = variety[totals.nlargest(4).index].drop(index=[first], errors="ignore")
    by_variety = [str(user) for user in eligible.sort_values(kind="stable").index]
    places = (0.05, 0.5, 0.95) if first is None else (0.05, 0.95)
    contrasting = [by_variety[int(place * (len(by_variety) - 1))] for place in places if by_variety]
    return list(dict.fromkeys(contrasting if first is None else [first, *contrasting]))
