"""`build_requests`: one user's events → requests, without leakage. A pure function; every runner calls it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mos_tf.datasets.candidates import Candidates, listed_candidates, sampled_candidates
from mos_tf.datasets.config import RequestConfig, Split, SplitTimes
from mos_tf.datasets.events import EXPOSURE_ID, SESSION_ID
from mos_tf.datasets.hashing import hash_strings, mix
from mos_tf.datasets.pool import SamplingPool
from mos_tf.datasets.tables import Popularity, Tables, clean
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, TIMESTAMP, Feature, FeatureSpec
from mos_tf.privacy import hash_user
from mos_tf.request import Request

__all__ = ["RequestConfig", "SplitTimes", "UserRequests", "build_requests"]

POPULARITY = "popularity"


@dataclass(frozen=True)
class UserRequests:
    """The requests of one user with their splits, in order of time, and the counts of what was met.

    Counts: `baskets` = `outside_splits` + `without_list` + `without_listed_purchase` + `without_seen_purchase` + the
    requests; for each split `<split>/requests`, `<split>/positives`, `<split>/negatives` and `<split>/history_events`;
    and `positives_outside_pool`, the items bought within the splits that sampled candidates leave out. Lists know the
    second and third reason against a basket, sampling the fourth; what is 0 may be absent.
    """

    requests: list[tuple[Split, Request]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Basket:
    split: Split
    time: int
    row: int  # its first event
    candidates: Candidates


def build_requests(
    user_id: str,
    events: Mapping[str, np.ndarray],
    *,
    tables: Tables,
    popularity: Popularity,
    spec: FeatureSpec,
    config: RequestConfig,
    pool: SamplingPool | None = None,
) -> UserRequests:
    """Builds every request of one user: one a basket, that is one for each distinct (timestamp, session_id).

    A basket is one instant: its history is what happened strictly before it, its lines never know each other. Its
    exposure list is that of its events' `exposure_id`; see `RequestConfig.negatives` for what becomes a candidate. An
    item that `tables` do not know has empty features.

    Args:
        user_id: whose events they are.
        events: the user's events in any order, without duplicates, equally long columns: `item_id` (str),
            `timestamp` (int64), optional `session_id` and `exposure_id` (str), and the spec's event and context
            features.
        tables: item features and, for exposed negatives, exposure lists.
        popularity: read by a candidate feature named `popularity`.
        spec: the features that the requests carry.
        config: split times, history length, negatives and seed.
        pool: what sampled negatives are drawn from; None where they are exposed.

    Raises:
        DataError: the spec names a feature that neither the items nor the events hold.
        ValueError: a pool is missing, or given without need.
    """
    if (pool is not None) != (config.negatives == "sampled"):
        raise ValueError(
            "sampled negatives, and no others, are drawn from a pool. "
            f"Received: negatives={config.negatives!r}, pool={type(pool).__name__}; see `SamplingPool`"
        )
    user = int(hash_strings([user_id])[0])
    events = _ordered(_canonical(user_id, events, spec), user, config.seed)
    codes = tables.codes(events[ITEM_ID])
    counts: Counter[str] = Counter()
    baskets = list(_baskets(events, codes, user, tables, pool, config, counts))
    history = _history(events, codes, tables, spec)
    candidates, splits = _candidates(baskets, tables, popularity, spec)
    requests = []
    for basket, start, end in zip(baskets, splits, splits[1:], strict=False):
        stop = int(np.searchsorted(events[TIMESTAMP], basket.time))
        kept = slice(max(0, stop - config.max_history), stop)
        request = Request(
            user_id=user_id,
            request_time=basket.time,
            history={name: values[kept] for name, values in history.items()},
            candidates={name: values[start:end] for name, values in candidates.items()},
            label=basket.candidates.label,
            context={f.name: events[f.name][basket.row] for f in spec.features if f.of == "context"},
        )
        requests.append((basket.split, request))
        positives = int(basket.candidates.label.sum())
        counts[f"{basket.split}/requests"] += 1
        counts[f"{basket.split}/positives"] += positives
        counts[f"{basket.split}/negatives"] += request.num_candidates - positives
        counts[f"{basket.split}/history_events"] += request.num_events
    return UserRequests(requests, counts)


def _canonical(user_id: str, events: Mapping[str, np.ndarray], spec: FeatureSpec) -> dict[str, np.ndarray]:
    """The columns that requests are made of, in types that do not depend on the runner."""
    own = [f for f in spec.features if f.of in ("event", "context")]
    missing = [name for name in (ITEM_ID, TIMESTAMP, *(f.name for f in own)) if name not in events]
    if missing:
        raise DataError(
            f"events of {hash_user(user_id)} lack the columns {missing} that the spec names. Received: {sorted(events)}"
        )
    optional = [Feature(name=name, of="event") for name in (SESSION_ID, EXPOSURE_ID)]
    nothing = np.full(len(events[ITEM_ID]), "", dtype=np.object_)
    canonical = {f.name: clean(pd.Series(events.get(f.name, nothing)), f.kind) for f in (*optional, *own)}
    return {
        ITEM_ID: np.asarray(events[ITEM_ID], dtype=np.object_),
        TIMESTAMP: np.asarray(events[TIMESTAMP], dtype=np.int64),
        **canonical,
    }


def _ordered(events: dict[str, np.ndarray], user: int, seed: int) -> dict[str, np.ndarray]:
    """By time, ties by hash(seed, user, item), and the same item twice at once by its other columns."""
    others = [
        values.view(np.uint32) if values.dtype == np.float32 else hash_strings(values)
        for name, values in events.items()
        if name not in (ITEM_ID, TIMESTAMP)
    ]
    tie = mix(seed, user, hash_strings(events[ITEM_ID]))
    order = np.lexsort((mix(seed, *others), tie, events[TIMESTAMP]))
    return {name: values[order] for name, values in events.items()}


def _baskets(
    events: Mapping[str, np.ndarray],
    codes: np.ndarray,
    user: int,
    tables: Tables,
    pool: SamplingPool | None,
    config: RequestConfig,
    counts: Counter[str],
) -> Iterator[_Basket]:
    """Yields the baskets that make a request, by time, ties by session id, and counts the others."""
    times = events[TIMESTAMP]
    sessions = np.unique(events[SESSION_ID], return_inverse=True)[1]
    rows = np.lexsort((sessions, times))
    starts = np.flatnonzero(np.diff(times[rows], prepend=-1) | np.diff(sessions[rows], prepend=-1))
    for basket in np.split(rows, starts[1:]) if len(rows) else ():
        counts["baskets"] += 1
        time = int(times[basket[0]])
        split = config.splits.split_of(time)
        if split is None:
            counts["outside_splits"] += 1
            continue
        seeds, ratio = (config.seed, user, time), config.negatives_per_positive
        if pool is None:
            exposure_id = events[EXPOSURE_ID][basket[0]]
            candidates = listed_candidates(codes[basket], exposure_id, tables, ratio, seeds, counts)
        else:
            candidates = sampled_candidates(events[ITEM_ID][basket], time, pool, ratio, seeds, counts)
        if candidates is not None:
            yield _Basket(split, time, int(basket[0]), candidates)


def _history(
    events: Mapping[str, np.ndarray], codes: np.ndarray, tables: Tables, spec: FeatureSpec
) -> dict[str, np.ndarray]:
    history = {ITEM_ID: events[ITEM_ID], TIMESTAMP: events[TIMESTAMP]}
    for feature in spec.features:
        if feature.of == "item":
            history[feature.name] = tables.feature(feature.name, feature.kind)[codes]
        elif feature.of == "event":
            history[feature.name] = events[feature.name]
    return history


def _candidates(
    baskets: list[_Basket], tables: Tables, popularity: Popularity, spec: FeatureSpec
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Features of all candidates of the user, flat, and the row splits that part them by basket."""
    lengths = np.array([len(basket.candidates.label) for basket in baskets], dtype=np.int64)
    candidates = {ITEM_ID: np.concatenate([basket.candidates.item_ids for basket in baskets] or [np.empty(0, object)])}
    codes = tables.codes(candidates[ITEM_ID])
    for feature in spec.features:
        if feature.of == "item":
            candidates[feature.name] = tables.feature(feature.name, feature.kind)[codes]
        elif feature.of == "candidate":
            if (feature.name, feature.kind) != (POPULARITY, "numeric"):
                raise DataError(
                    f"the candidate features that are known: {POPULARITY!r} (numeric). "
                    f"Received: {feature.name!r} ({feature.kind})"
                )
            times = np.repeat(np.array([basket.time for basket in baskets], dtype=np.int64), lengths)
            candidates[feature.name] = popularity.log_share(candidates[ITEM_ID], times)
    return candidates, np.concatenate([[0], np.cumsum(lengths)])
