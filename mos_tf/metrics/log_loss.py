"""`LogLoss`: mean negative log-likelihood of the labels."""

from typing import Any

import keras
from keras import ops

from mos_tf.metrics.candidate_sums import CandidateSums, ratio

_LEAST_PROBABILITY = 1e-7  # half of float32's step below 1: about the surest "no" or "yes" a sigmoid can say


@keras.saving.register_keras_serializable("mos_tf")
class LogLoss(CandidateSums):
    """Log loss, in nats.

        LogLoss = − Σ_c w_c [y_c log p_c + (1 − y_c) log(1 − p_c)] / Σ_c w_c

    Probabilities are kept 10⁻⁷ away from 0 and 1, so that one sure mistake costs 16.1 and not infinity. NaN without
    candidates, and once a label or a prediction was outside [0, 1].

    Example:

    >>> metric = LogLoss()
    >>> metric.update_state([1, 0], [0.5, 0.5])
    >>> round(float(metric.result()), 4)  # log 2
    0.6931
    """

    def __init__(self, name: str = "log_loss", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.loss = self.add_sum("loss")
        self.weight = self.add_sum("weight")

    def accumulate(self, labels: Any, probabilities: Any, weights: Any) -> None:
        probabilities = ops.clip(probabilities, _LEAST_PROBABILITY, 1.0 - _LEAST_PROBABILITY)
        likelihoods = labels * ops.log(probabilities) + (1.0 - labels) * ops.log1p(-probabilities)
        self.loss.assign_add(-ops.sum(weights * likelihoods))
        self.weight.assign_add(ops.sum(weights))

    def result(self) -> Any:
        return ratio(self.loss.value, self.weight.value)
