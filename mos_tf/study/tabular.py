"""Models of the numbers alone, from scikit-learn."""

from itertools import islice

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from mos_tf.layers import HistoryAffinity
from mos_tf.study.data import StudyData
from mos_tf.study.numbers import Levels, numbers_of
from mos_tf.study.popularity import log_popularity

_TREES = 300
_LEAVES = (15, 31)


def logistic_regression(data: StudyData, seed: int, trial: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns probabilities of the validation and test candidates, [M] each, from matches and popularity.

    logit = w · standardised [log(1 + n_l) for l of item and categories, log popularity] + b        C = 10^(−trial)
    """
    a_level = HistoryAffinity.numbers_per_level
    numbers, popularity = numbers_of(data, "own affinity", 0), log_popularity(data)
    rows = {
        split: np.column_stack([numbers[split].affinity[:, a_level::a_level], popularity[split]]) for split in numbers
    }
    model = make_pipeline(StandardScaler(), LogisticRegression(C=10.0**-trial, max_iter=1000))
    with threadpool_limits(1):
        model.fit(rows["train"], data.train.labels)
        validation, test = (model.predict_proba(rows[split])[:, 1] for split in ("validation", "test"))
    return validation, test


def gradient_boosting(
    levels: Levels, data: StudyData, seed: int, trial: int, *, priors: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Returns probabilities of the validation and test candidates, [M] each, from histogram gradient boosting.

    Every trial halves the learning rate and changes the leaves; how many of the trees to take is chosen by AUC on
    validation.

    Args:
        levels: where matches are counted.
        data: the requests.
        seed: of how themes are found or drawn, and of the rows that bins are made from.
        trial: which learning rate and leaves.
        priors: whether the trees see `LabelPriors` too.
    """
    numbers = numbers_of(data, levels, 0 if levels == "own affinity" else seed)
    rows = {split: np.hstack(of_split if priors else of_split[:-1]) for split, of_split in numbers.items()}
    model = HistGradientBoostingClassifier(
        learning_rate=0.1 / 2**trial,
        max_leaf_nodes=_LEAVES[trial % len(_LEAVES)],
        max_iter=_TREES,
        min_samples_leaf=50,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(1):
        model.fit(rows["train"], data.train.labels)
        staged = model.staged_predict_proba(rows["validation"])
        best = np.argmax([roc_auc_score(data.validation.labels, probabilities[:, 1]) for probabilities in staged])
        validation, test = (
            next(islice(model.staged_predict_proba(rows[split]), int(best), None))[:, 1]
            for split in ("validation", "test")
        )
    return validation, test
