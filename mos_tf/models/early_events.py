"""Events of before the first training target, which themes and vectors are found in."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from mos_tf.errors import DataError
from mos_tf.features import HISTORY, REQUEST_TIME, TIMESTAMP, USER_ID
from mos_tf.layers.co_occurrence import cut_sessions
from mos_tf.layers.sessions import SESSION_GAP

RUN = 64  # events


class EarlyEvents(NamedTuple):
    """N events of before the first training target, each once, by user and then in order of time.

    Attributes:
        users: int64 [N].
        times: int64 [N], UTC seconds.
        ids: by feature, int64 [N].
    """

    users: np.ndarray
    times: np.ndarray
    ids: dict[str, np.ndarray]


def early_events(batches: Iterable, features: Sequence[str], theme_start: int | None = None) -> EarlyEvents:
    """Returns the events that routing and vectors are found in, each once though requests repeat a user's events.

    Of each user only the history of the earliest training request counts, and of that only events before
    `theme_start`, so that all is known before the first training target.

    Args:
        batches: (features, label) of training requests.
        features: names of the features with ids that are wanted.
        theme_start: UTC seconds; default the first training request's time.

    Raises:
        DataError: the requests carry no timestamps, or no history at all.
    """
    earliest: dict[int, tuple[int, list[np.ndarray]]] = {}  # user → time of the request, then times and ids
    for request, _ in batches:
        if HISTORY + TIMESTAMP not in request:
            raise DataError(
                f"themes are found in sessions, which {HISTORY + TIMESTAMP} tells. Received: {sorted(request)}"
            )
        splits = request[HISTORY + TIMESTAMP].row_splits.numpy()
        columns = [request[HISTORY + name].flat_values.numpy() for name in (TIMESTAMP, *features)]
        users, moments = request[USER_ID].numpy().tolist(), request[REQUEST_TIME].numpy().tolist()
        for row, (user, moment) in enumerate(zip(users, moments, strict=True)):
            if user not in earliest or moment < earliest[user][0]:
                earliest[user] = (moment, [column[splits[row] : splits[row + 1]] for column in columns])
    if not earliest:
        raise DataError("themes are found in training requests. Received: an empty dataset")
    start = min(moment for moment, _ in earliest.values()) if theme_start is None else theme_start
    # Ordered by user, so that what is found does not depend on the order of the requests.
    histories = [columns for _, (_, columns) in sorted(earliest.items(), key=lambda entry: entry[0])]
    users = np.repeat(np.arange(len(histories)), [len(times) for times, *_ in histories])
    times, *ids = (np.concatenate(column).astype(np.int64) for column in zip(*histories, strict=True))
    early = times < start
    return EarlyEvents(users[early], times[early], {name: of[early] for name, of in zip(features, ids, strict=True)})


def theme_sessions(
    batches: Iterable, token: str, session_gap: int = SESSION_GAP, theme_start: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sessions that themes are found in: `early_events`, cut where more than `session_gap` seconds pass.

    Returns:
        (sessions, tokens): int64 [N], sessions unique over users.
    """
    early = early_events(batches, [token], theme_start)
    return cut_sessions(early.users, early.times, session_gap), early.ids[token]


def theme_runs(users: np.ndarray, themes: np.ndarray) -> np.ndarray:
    """Returns the run of each event, int64 [N]: at most `RUN` events that follow each other in one user and theme.

    So long histories cost no more than short ones of as many events in all.

    Args:
        users: int [N], each user's events together.
        themes: int [N], the theme of each event.
    """
    _, subsequence = np.unique(np.stack([users, themes]), axis=1, return_inverse=True)
    order = np.argsort(subsequence, kind="stable")
    grouped = subsequence[order]
    starts = np.flatnonzero(np.diff(grouped, prepend=-1))
    rank = np.arange(len(grouped)) - np.repeat(starts, np.diff(starts, append=len(grouped)))
    new = (np.diff(grouped, prepend=-1) != 0) | (rank % RUN == 0)
    runs = np.empty(len(users), np.int64)
    runs[order] = np.cumsum(new) - 1
    return runs
