"""What a model costs, whatever computes it: multiply-adds a request, and parameters."""

import numpy as np

from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID
from mos_tf.flops import cost
from mos_tf.flops.ranker import compared
from mos_tf.layers import HistorySimilarity
from mos_tf.layers.affinity import joins
from mos_tf.ragged import Rows
from mos_tf.study.requests import Requests

_COUNTED = 300  # requests


def price(ranker: SequenceRanker, requests: Requests) -> dict[str, float]:
    """Returns multiply-adds a request and parameters as `cost` counts them.

    Multiply-adds are those of the first requests, with the themes that candidates really ask for there and the events
    that really match them.
    """
    features, _ = next(iter(requests.batches(_COUNTED)))
    events, candidates = (features[prefix + ITEM_ID].row_lengths().numpy() for prefix in (HISTORY, CANDIDATE))
    spent = cost(ranker, events, candidates, **_themes(ranker, features))
    by_part = dict(spent.multiply_adds)
    if similarity := ranker.candidate_numbers.similarity:
        matching = sum(_matches(ranker, similarity, features).values())
        by_part["similarity"] = compared(similarity, matching, candidates.sum()) / len(events)
    return {"multiply_adds": round(sum(by_part.values())), "parameters": spent.total_parameters}


def _matches(ranker: SequenceRanker, similarity: HistorySimilarity, features: dict) -> dict[str, int]:
    """Returns how many events match some candidate of their request, by level of similarity, over all requests."""
    themes = ranker.themes_of(features) or (None, None)
    events, candidates = (
        ranker.candidate_numbers.level_ids(features, prefix, side)
        for prefix, side in zip((HISTORY, CANDIDATE), themes, strict=True)
    )
    of_events, of_candidates = (
        {level: ids.flat_values for level, ids in side.items()} for side in (events, candidates)
    )
    rows, asking = Rows.of(events[ITEM_ID]), Rows.of(candidates[ITEM_ID]).ids
    joined = joins(similarity.levels, rows, of_events, of_candidates, asking, similarity.unknown_ids)
    return {level: len(join.slots) for level, join in zip(("all", *similarity.levels), joined, strict=True)}


def _themes(ranker: SequenceRanker, features: dict) -> dict[str, list[list[int]]]:
    """Returns for each request the themes that its candidates ask for: events, and candidates; {} without a mixture."""
    if not isinstance(ranker.sequence, MixtureOfSequence):
        return {}
    column = ranker.router.routing_resolution
    themes = [
        features[prefix + ranker.spec.theme_token].with_flat_values(flat[:, column])
        for prefix, flat in zip((HISTORY, CANDIDATE), ranker.themes_of(features), strict=True)
    ]
    lengths, asking = [], []
    for events, candidates in zip(*(part.to_list() for part in themes), strict=True):
        counted = np.bincount(np.array(events, np.int64), minlength=ranker.router.num_themes[column] + 1)
        asked, number = np.unique(np.array(candidates, np.int64), return_counts=True)
        lengths.append(counted[asked].tolist())
        asking.append(number.tolist())
    return {"theme_lengths": lengths, "theme_candidates": asking}
