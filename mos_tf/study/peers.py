"""The floors and peers that a user would otherwise take, on the same requests as the rankers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np

from mos_tf.cli import is_installed
from mos_tf.study.cell import core_seconds, write_result
from mos_tf.study.data import StudyData
from mos_tf.study.dcn import deep_cross_network
from mos_tf.study.fuxictr.job import MODELS
from mos_tf.study.fuxictr.peer import fuxictr
from mos_tf.study.mean_pooling import MeanPooling
from mos_tf.study.measures import RESAMPLED, Judge
from mos_tf.study.peer import Peer, Scored
from mos_tf.study.popularity import popularity
from mos_tf.study.price import price
from mos_tf.study.provenance import made_by
from mos_tf.study.requests import Requests
from mos_tf.study.tabular import gradient_boosting, logistic_regression
from mos_tf.study.training import score_of, scores_of, train
from mos_tf.study.variants import Variant


@dataclass(frozen=True)
class Method:
    """How a peer scores.

    Args:
        scores: (data, seed, trial) → scores of the validation and of the test candidates, float [M] each, and perhaps
            what it costs (`Scored`).
        by_chance: whether a seed makes a difference; else one run is enough.
        package: what must be installed for it.
        extra: of `mos-tf`, what installs the package.
        made: whether only a made log, whose truth is known, has it.
        probabilities: whether scores are probabilities of the label; else only their order counts.
    """

    scores: Callable[[StudyData, int, int], Scored | tuple[np.ndarray, np.ndarray]]
    by_chance: bool = False
    probabilities: bool = True
    package: str | None = None
    extra: str = "bench"
    made: bool = False

    def can_score(self, data: StudyData) -> bool:
        """Whether its package is installed, and the data knows what it takes."""
        return (not self.package or is_installed(self.package)) and (not self.made or data.config.has_truth)


def mean_pooled_network(data: StudyData, seed: int, trial: int) -> Scored:
    """Returns probabilities of the validation and test candidates from the ranker without attention or recurrence."""
    ranker, _ = train(Variant("own", None), MeanPooling, data, seed, trial)
    validation, test = scores_of(score_of(ranker, data.test), data.validation, data.test)
    return Scored(validation, test, price(ranker, data.test))


def true_probabilities(data: StudyData, seed: int, trial: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the true click probabilities of the validation and test candidates, [M] each: no ranker can do better."""
    assert data.truth is not None
    return data.truth["validation"], data.truth["test"]


# In the order of the tables. There are as many trials of each as of the rankers.
PEERS: dict[str, Method] = {
    "popularity": Method(popularity, probabilities=False),
    "logistic regression": Method(logistic_regression),
    "gradient boosting, own affinity": Method(partial(gradient_boosting, "own affinity")),
    "gradient boosting, own affinity + priors": Method(partial(gradient_boosting, "own affinity", priors=True)),
    "gradient boosting, random themes": Method(partial(gradient_boosting, "random themes"), by_chance=True),
    "gradient boosting, random themes + priors": Method(
        partial(gradient_boosting, "random themes", priors=True), by_chance=True
    ),
    "gradient boosting, learned themes": Method(partial(gradient_boosting, "learned themes"), by_chance=True),
    "gradient boosting, learned themes + priors": Method(
        partial(gradient_boosting, "learned themes", priors=True), by_chance=True
    ),
    "MLP of the mean-pooled history + affinity": Method(mean_pooled_network, by_chance=True),
    "DCN (TensorFlow Recommenders)": Method(deep_cross_network, by_chance=True, package="tensorflow-recommenders"),
    **{
        f"FuxiCTR: {model}": Method(partial(fuxictr, model), by_chance=True, package="fuxictr", extra="fuxictr")
        for model in MODELS
    },
    "true probabilities": Method(true_probabilities, made=True),
}


def run_peer(peer: Peer, data: StudyData, directory: Path) -> None:
    """Trains and judges one peer and writes a JSON with the fields of a cell's, beside first and then renamed.

    Raises:
        MosError: a package that the peer is made of is not installed.
    """
    started = core_seconds()
    keras.backend.clear_session()
    keras.utils.set_random_seed(peer.seed)
    method = PEERS[peer.name]
    validation, test, costs = Scored(*method.scores(data, peer.seed, peer.trial))
    result = {
        "encoder": "",
        "variant": peer.name,
        "seed": peer.seed,
        "trial": peer.trial,
        "validation": _metrics(data.validation, validation, method.probabilities),
        "test": _metrics(data.test, test, method.probabilities),
        "resampled": Judge(data.test).resampled(test),
        "price": dict(costs),
        "seconds": round(core_seconds() - started, 1),
        "made_by": made_by(),
    }
    write_result(result, directory / peer.file_name)


def _metrics(requests: Requests, scores: np.ndarray, probabilities: bool) -> dict[str, float]:
    metrics = Judge(requests).metrics(scores)
    return metrics if probabilities else {name: metrics[name] for name in RESAMPLED}
