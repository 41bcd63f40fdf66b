"""`Numbers`: what a ranker's tower of numbers sees of the candidates, for models that see nothing else."""

from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from mos_tf.study.data import StudyData
from mos_tf.study.mean_pooling import MeanPooling
from mos_tf.study.requests import Requests
from mos_tf.study.variants import Variant

Levels = Literal["own affinity", "random themes", "learned themes"]

_PRIORS = {"priors": True}
_VARIANTS: dict[Levels, Variant] = {
    "own affinity": Variant("own", None, ranker=_PRIORS),
    "random themes": Variant(grouping="random", ranker=_PRIORS),
    "learned themes": Variant(ranker=_PRIORS),
}
_ADAPTED = 1024  # requests a batch


class Numbers(NamedTuple):
    """The numbers of the M candidates of a split.

    Attributes:
        affinity: float32 [M, 5 · (1 + levels)], see `HistoryAffinity`.
        similarity: float32 [M, 2 · levels], see `HistorySimilarity`.
        features: float32 [M, F], numeric features of candidates and requests.
        priors: float32 [M, 2 · levels], see `LabelPriors`; of training candidates out of fold.
    """

    affinity: np.ndarray
    similarity: np.ndarray
    features: np.ndarray
    priors: np.ndarray


@lru_cache(maxsize=3)
def numbers_of(data: StudyData, levels: Levels, seed: int) -> dict[str, Numbers]:
    """Returns the numbers by split: `"train"`, `"validation"` and `"test"`.

    Args:
        data: the requests.
        levels: where matches are counted: at item and categories, and also at themes, drawn by chance or learned.
        seed: of how themes are found or drawn, which makes no difference elsewhere.
    """
    ranker = _VARIANTS[levels].make(data, MeanPooling, seed)
    ranker.adapt(data.train.batches(_ADAPTED))
    numbers = ranker.candidate_numbers
    assert numbers.affinity is not None and numbers.similarity is not None and numbers.priors is not None
    affinity, similarity = numbers.affinity.output_dim, numbers.similarity.output_dim
    ends = [affinity, affinity + similarity, -numbers.priors.output_dim]

    def of(requests: Requests, training: bool) -> Numbers:
        batches = [ranker.numbers(features, training).numpy() for features, _ in requests.batches(_ADAPTED)]
        return Numbers(*np.split(np.concatenate(batches), ends, axis=1))

    return {name: of(requests, training=name == "train") for name, requests in splits_of(data).items()}


def splits_of(data: StudyData) -> dict[str, Requests]:
    """Returns the requests by split."""
    return {"train": data.train, "validation": data.validation, "test": data.test}
