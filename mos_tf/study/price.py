"""What a trained model costs: multiply-adds a request, parameters, and time."""

import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID
from mos_tf.flops import cost
from mos_tf.study.requests import Requests

_COUNTED = 300  # requests
_TIMED = 50  # requests

Score = Callable[[dict], tf.Tensor]  # features of a batch → probabilities of the flat candidates


class StepTimes(keras.callbacks.Callback):
    """Keeps the seconds of every training step."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._begun = 0.0

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        self._begun = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.seconds.append(time.perf_counter() - self._begun)


def step_ms(seconds: Sequence[float]) -> float:
    """Returns the median of the seconds of training steps in milliseconds."""
    return round(1e3 * float(np.median(seconds)), 2)


def price(ranker: SequenceRanker, score: Score, requests: Requests) -> dict[str, float]:
    """Returns multiply-adds a request and parameters as `cost` counts them, and the median milliseconds of an answer.

    Multiply-adds are those of the first requests, with the themes that candidates really ask for there; the
    milliseconds are those of single requests, one after the other, beside whatever else runs.
    """
    features, _ = next(iter(requests.batches(_COUNTED)))
    events, candidates = features[HISTORY + ITEM_ID], features[CANDIDATE + ITEM_ID]
    themes = _themes(ranker, features)
    spent = cost(ranker, events.row_lengths().numpy(), candidates.row_lengths().numpy(), **themes)
    return {
        "multiply_adds": round(spent.total_multiply_adds),
        "parameters": spent.total_parameters,
        "answer_ms": round(1e3 * _median_seconds(score, requests), 3),
    }


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


def _median_seconds(score: Score, requests: Requests) -> float:
    seconds = []
    for number, (features, _) in enumerate(requests.batches(1).take(_TIMED + 10)):
        start = time.perf_counter()
        score(features).numpy()
        if number >= 10:  # the first ones trace
            seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
