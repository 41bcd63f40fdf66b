"""`NormalizedEntropy`: log loss in units of what the base rate alone would give."""

from typing import Any

import keras
from keras import ops

from mos_tf.metrics.candidate_sums import ratio
from mos_tf.metrics.log_loss import LogLoss


@keras.saving.register_keras_serializable("mos_tf")
class NormalizedEntropy(LogLoss):
    """Normalised entropy.

        NE = LogLoss / − [b log b + (1 − b) log(1 − b)]        b = Σ_c w_c y_c / Σ_c w_c, the base rate

    Below 1, the model knows more than the base rate; unlike log loss, it compares across data of different base
    rates. NaN where all labels are of one class, which the base rate predicts without loss, and once a label or a
    prediction was outside [0, 1].

    References:
        He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014, equation 1.

    Example:

    >>> metric = NormalizedEntropy()
    >>> metric.update_state([1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25])
    >>> round(float(metric.result()), 4)
    1.0
    """

    def __init__(self, name: str = "normalized_entropy", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.positives = self.add_sum("positives")
        self.negatives = self.add_sum("negatives")

    def accumulate(self, labels: Any, probabilities: Any, weights: Any) -> None:
        super().accumulate(labels, probabilities, weights)
        self.positives.assign_add(ops.sum(weights * labels))
        self.negatives.assign_add(ops.sum(weights * (1.0 - labels)))

    def result(self) -> Any:
        positives, negatives, weight = self.positives.value, self.negatives.value, self.weight.value
        # By classes, and not by 1 − b, so that one class alone gives an entropy of exactly 0.
        entropy = _surprise(positives, weight) + _surprise(negatives, weight)
        return ratio(self.loss.value, entropy)


def _surprise(part: Any, whole: Any) -> Any:
    """Returns − n log(n / N), 0 for n = 0."""
    return ops.where(part == 0, 0.0, part * ops.log(whole / ops.where(part == 0, 1.0, part)))
