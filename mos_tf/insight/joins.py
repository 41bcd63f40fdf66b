"""Affinity of a whole log at once: what `HistoryAffinity` computes of requests, in NumPy, of every event so far."""

from collections.abc import Sequence

import numpy as np

from mos_tf.layers.affinity import NEVER, SECONDS_PER_DAY


def affinity(
    users: np.ndarray,
    times: np.ndarray,
    events: Sequence[np.ndarray],
    *,
    wanted_users: np.ndarray,
    moments: np.ndarray,
    wanted: Sequence[np.ndarray],
    time_scales: tuple[float, float],
) -> np.ndarray:
    """Returns φ of `HistoryAffinity` for M candidates, float64 [M, 5 (1 + levels)], the level "all" first.

    The history of a candidate is every event of its user strictly before its moment, without a bound on its length.

    Args:
        users: int [N], the user of each event, 0..
        times: int [N], UTC seconds.
        events: for each level int [N], the id of each event there, 0..; -1 matches nothing.
        wanted_users: int [M], the user of each candidate.
        moments: int [M], UTC seconds.
        wanted: for each level int [M], the id of each candidate, likewise.
        time_scales: (τ1, τ2) in days.

    Example:

    >>> user, item = np.zeros(3, int), np.array([7, 7, 8])
    >>> days = 86400 * np.array([1, 2, 3])
    >>> at = {"wanted_users": np.array([0]), "moments": days[2:], "wanted": [item[:1]], "time_scales": (21.0, 90.0)}
    >>> affinity(user, days, [item], **at)[0, 5:7].round(3).tolist()  # log(1 + 2) and 2 / 2: the third is no history
    [1.099, 1.0]
    """
    everything = _level(users, times, wanted_users, moments, None, time_scales)
    lengths = np.expm1(everything[:, 0])
    columns = [everything]
    for ids, wanted_ids in zip(events, wanted, strict=True):
        width = int(max(ids.max(initial=0), wanted_ids.max(initial=0))) + 1
        keys = np.where(ids < 0, -1, users * width + ids)
        wanted_keys = np.where(wanted_ids < 0, -1, wanted_users * width + wanted_ids)
        columns.append(_level(keys[keys >= 0], times[keys >= 0], wanted_keys, moments, lengths, time_scales))
    return np.concatenate(columns, axis=1)


def _level(
    keys: np.ndarray,
    times: np.ndarray,
    wanted: np.ndarray,
    moments: np.ndarray,
    lengths: np.ndarray | None,
    time_scales: tuple[float, float],
) -> np.ndarray:
    """φ of one level: each candidate looks up how far its key's events have come before its moment."""
    known, group = np.unique(keys, return_inverse=True)
    origin = min(times.min(initial=0), moments.min(initial=0))
    span = int(max(times.max(initial=0), moments.max(initial=0)) - origin) + 1
    order = np.lexsort((times, group))
    group, times, moments = group[order], times[order] - origin, moments - origin
    wanted_group = np.minimum(np.searchsorted(known, wanted), max(len(known) - 1, 0))
    at = group * span + times
    start = np.searchsorted(at, wanted_group * span)
    stop = np.searchsorted(at, wanted_group * span + moments)  # events of that very instant come after
    matches = np.isin(wanted, known) & (stop > start)
    count = np.where(matches, stop - start, 0)
    last = np.maximum(stop - 1, 0)[matches]
    age = np.full(len(wanted), NEVER)
    age[matches] = (moments[matches] - times[last]) / SECONDS_PER_DAY
    recency = []
    for scale in np.array(time_scales) * SECONDS_PER_DAY:
        # Logarithms, as e^(τ / scale) overflows; a step of e^40 from key to key starts the running sum anew at each.
        step = span / scale + 40
        running = np.logaddexp.accumulate(times / scale + group * step) if len(times) else times
        total = np.zeros(len(wanted))
        total[matches] = np.exp(running[last] - group[last] * step - moments[matches] / scale)
        recency.append(np.log(0.01 + total))
    share = count / np.maximum(count if lengths is None else lengths, 1)
    return np.stack([np.log1p(count), share, *recency, np.log(0.01 + np.minimum(age, NEVER))], axis=1)
