"""How good scores are, on the requests themselves and on resampled users."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sklearn.metrics import log_loss, roc_auc_score

from mos_tf.metrics.grouped_auc import grouped_auc
from mos_tf.metrics.resampled import resampled_auc, resampled_gauc, user_weights
from mos_tf.study.requests import Requests

METRICS = ("auc", "gauc", "log_loss", "calibration")
RESAMPLED = ("auc", "gauc")
RESAMPLES = 400
_DIGITS = 6  # of what is written


@dataclass(frozen=True)
class Judge:
    """Judges the scores of one split, always with the same draws of users, so that models can be paired.

    Args:
        requests: the split.
    """

    requests: Requests

    def metrics(self, scores: np.ndarray) -> dict[str, float]:
        """Returns AUC, GAUC over users, log loss and calibration (mean score over the share of positives).

        A training that diverged scores with NaN: it orders nothing, so AUC and GAUC are 1/2, and has no probabilities.
        """
        labels, order = self.requests.labels, _order(scores)
        values = {
            "auc": roc_auc_score(labels, order),
            "gauc": grouped_auc(labels, order, self.requests.users).gauc,
        }
        if order is scores:
            values["log_loss"] = log_loss(labels, scores.astype(np.float64))
            values["calibration"] = scores.mean() / labels.mean()
        return {name: round(float(value), _DIGITS) for name, value in values.items()}

    def resampled(self, scores: np.ndarray) -> dict[str, list[float]]:
        """Returns AUC and GAUC of every resample of users, the sample itself first."""
        labels, order, (user, weights) = self.requests.labels, _order(scores), self._users
        values = {
            "auc": resampled_auc(labels, order, user, weights),
            "gauc": resampled_gauc(labels, order, user, weights),
        }
        return {name: np.round(value, _DIGITS).tolist() for name, value in values.items()}

    @cached_property
    def _users(self) -> tuple[np.ndarray, np.ndarray]:
        names, user = np.unique(self.requests.users, return_inverse=True)
        return user, user_weights(len(names), RESAMPLES, seed=0)


def _order(scores: np.ndarray) -> np.ndarray:
    """Returns scores, or those of a model that knows nothing where any is no number."""
    return scores if np.isfinite(scores).all() else np.zeros_like(scores)
