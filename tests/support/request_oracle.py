"""Requests built slowly and obviously, an event at a time in plain Python: what `build_requests` must equal."""

from typing import Any

import numpy as np

from mos_tf.datasets.config import RequestConfig
from mos_tf.datasets.hashing import hash_strings, mix
from mos_tf.datasets.tables import WEEK_SECONDS

_DRAW, _SHUFFLE = 1, 2


def requests_of(
    user: str,
    events: list[dict],
    *,
    categories: dict[str, str],
    lists: dict[str, list[str]],
    log: list[dict],
    config: RequestConfig,
) -> list[dict[str, Any]]:
    """Returns the user's requests, by time and then session, as plain dicts.

    Args:
        user: whose.
        events: of the user.
        categories: of the items.
        lists: exposure lists.
        log: the events of all users.
        config: as `build_requests` takes it.
    """
    ordered = sorted(events, key=lambda e: (e["timestamp"], *_tie(user, e, config.seed)))
    requests = []
    for time, session in sorted({(e["timestamp"], e["session_id"]) for e in events}):
        basket = [e for e in ordered if (e["timestamp"], e["session_id"]) == (time, session)]
        split = _split(time, config)
        past = past_of(log, time)
        possible = set(lists.get(basket[0]["exposure_id"], [])) if config.negatives == "exposed" else set(past)
        bought = possible & {e["item_id"] for e in basket}
        if split is None or not bought:
            continue
        seeds = (config.seed, hash_strings([user])[0], time)
        wanted = config.negatives_per_positive * len(bought)
        if config.negatives == "exposed":
            negatives = sorted(possible - bought, key=lambda item: _hash(*seeds, _DRAW, item))[:wanted]
        else:
            negatives = drawn(past, wanted, bought, (*seeds, _DRAW))
        candidates = sorted([*bought, *negatives], key=lambda item: _hash(*seeds, _SHUFFLE, item))
        history = [e for e in ordered if e["timestamp"] < time][-config.max_history :]
        requests.append(
            {
                "split": split,
                "time": time,
                "history": [(e["item_id"], e["timestamp"], categories.get(e["item_id"], "")) for e in history],
                "candidates": [(item, categories.get(item, "")) for item in candidates],
                "label": [float(item in bought) for item in candidates],
                "popularity": [_popularity(item, time, log, config) for item in candidates],
            }
        )
    return requests


def past_of(log: list[dict], time: int) -> list[str]:
    """Returns the item of every event before the week of a time, in order of weeks, then items."""
    weeks = sorted((e["timestamp"] // WEEK_SECONDS, e["item_id"]) for e in log)
    return [item for week, item in weeks if week < time // WEEK_SECONDS]


def drawn(past: list[str], count: int, without: set[str], seeds: tuple) -> list[str]:
    """Draws events of the past, one after the other, and keeps each item that is new.

    In each round four for every item that is missing; after each round the events of items drawn are left out.
    """
    found: list[str] = []
    left, number = past, 0
    while left and len(found) < count:
        for draw in range(4 * (count - len(found))):
            item = left[_hash(*seeds, number, draw) % len(left)]
            if item not in without and item not in found and len(found) < count:
                found.append(item)
        left, number = [item for item in past if item not in without and item not in found], number + 1
    return found


def _popularity(item: str, time: int, events: list[dict], config: RequestConfig) -> float:
    counted = [e for e in events if e["timestamp"] < config.splits.train_end]
    before = [e["item_id"] for e in counted if e["timestamp"] // WEEK_SECONDS < time // WEEK_SECONDS]
    num_items = max(len({e["item_id"] for e in counted}), 1)
    return float(np.log((1 + before.count(item)) / (num_items + len(before))))


def _split(time: int, config: RequestConfig) -> str | None:
    splits = config.splits
    if splits.train_start <= time < splits.train_end:
        return "train"
    if splits.train_end <= time < splits.eval_end:
        return "eval"
    return "test" if splits.eval_end <= time < splits.test_end else None


def _tie(user: str, event: dict, seed: int) -> tuple[int, int]:
    others = [hash_strings([event[name]])[0] for name in ("session_id", "exposure_id")]
    return _hash(seed, hash_strings([user])[0], event["item_id"]), int(mix(seed, *others))


def _hash(*parts: Any) -> int:
    return int(mix(*(hash_strings([part])[0] if isinstance(part, str) else part for part in parts)))
