"""What a model costs, whatever computes it: multiply-adds a request, and parameters."""

import numpy as np

from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID
from mos_tf.flops import cost
from mos_tf.study.requests import Requests

_COUNTED = 300  # requests


def price(ranker: SequenceRanker, requests: Requests) -> dict[str, float]:
    """Returns multiply-adds a request and parameters as `cost` counts them.

    Multiply-adds are those of the first requests, with the themes that candidates really ask for there.
    """
    features, _ = next(iter(requests.batches(_COUNTED)))
    events, candidates = features[HISTORY + ITEM_ID], features[CANDIDATE + ITEM_ID]
    themes = _themes(ranker, features)
    spent = cost(ranker, events.row_lengths().numpy(), candidates.row_lengths().numpy(), **themes)
    return {"multiply_adds": round(spent.total_multiply_adds), "parameters": spent.total_parameters}


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
