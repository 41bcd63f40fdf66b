"""The candidates of one basket's request: positives are what was bought, negatives are drawn from what was not."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import pandas as pd

from mos_tf.datasets.hashing import mix
from mos_tf.datasets.pool import SamplingPool
from mos_tf.datasets.tables import Tables

# Separate the draws of one request: the order of its candidates must say nothing of how they were chosen.
_DRAW, _SHUFFLE = 1, 2

Seeds = tuple[int, int, int]  # seed, hash of the user, time


class Candidates(NamedTuple):
    """n candidates, each once, in an order that says nothing.

    Attributes:
        item_ids: object [n].
        label: float32 [n], 1 for what was bought.
    """

    item_ids: np.ndarray
    label: np.ndarray


def listed_candidates(
    bought: np.ndarray, exposure_id: str, tables: Tables, per_positive: int, seeds: Seeds, counts: Counter[str]
) -> Candidates | None:
    """Chooses among the items of an exposure list: those bought, and some of the others, drawn evenly.

    Args:
        bought: int64, codes of the basket's items.
        exposure_id: of the list.
        tables: hold the list.
        per_positive: negatives for each positive.
        seeds: decide the draws.
        counts: a basket that makes no request counts as `without_list` or `without_listed_purchase`.

    Returns:
        None where there is no such list, or nothing on it was bought.
    """
    listed = tables.listed(exposure_id)
    if listed is None:
        counts["without_list"] += 1
        return None
    positive = np.isin(listed, bought)
    if not positive.any():
        counts["without_listed_purchase"] += 1
        return None
    positives, others = listed[positive], listed[~positive]
    wanted = per_positive * len(positives)
    if wanted < len(others):
        # Without replacement: the smallest hashes win, so no order of the list matters.
        keys = mix(*seeds, _DRAW, tables.item_hashes[others])
        others = others[np.argpartition(keys, wanted)[:wanted]]
    return _shuffled(positives, others, tables, seeds)


def sampled_candidates(
    bought: np.ndarray, time: int, pool: SamplingPool, per_positive: int, seeds: Seeds, counts: Counter[str]
) -> Candidates | None:
    """Chooses among what could have been seen before: the items bought, and others drawn by their popularity.

    Args:
        bought: object, ids of the basket's items.
        time: of the basket, UTC seconds.
        pool: what could have been seen.
        per_positive: negatives for each positive.
        seeds: decide the draws.
        counts: items bought that are not in the pool count as `positives_outside_pool`, a basket without any that is
            as `without_seen_purchase`.

    Returns:
        None where nothing that was bought had been seen.
    """
    codes = pool.codes(pd.unique(bought), time)
    positives = codes[codes >= 0]
    counts["positives_outside_pool"] += len(codes) - len(positives)
    if not len(positives):
        counts["without_seen_purchase"] += 1
        return None
    negatives = pool.draw(per_positive * len(positives), time, without=positives, seeds=(*seeds, _DRAW))
    return _shuffled(positives, negatives, pool, seeds)


def _shuffled(positives: np.ndarray, negatives: np.ndarray, items: Tables | SamplingPool, seeds: Seeds) -> Candidates:
    """Orders candidates, given by their codes among `items`, by hash."""
    codes = np.concatenate([positives, negatives])
    label = np.repeat(np.array([1, 0], dtype=np.float32), [len(positives), len(negatives)])
    order = np.argsort(mix(*seeds, _SHUFFLE, items.item_hashes[codes]))
    return Candidates(items.item_ids[codes[order]], label[order])
