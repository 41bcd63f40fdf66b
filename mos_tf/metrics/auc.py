"""`AUC`: area under the ROC curve, from a histogram of logits."""

from typing import Any

import keras
from keras import ops

from mos_tf.metrics.candidate_sums import CandidateSums

_LARGEST_LOGIT = 16.0  # float32 has no probability nearer to 1, short of 1 itself, than sigmoid(16.6)


@keras.saving.register_keras_serializable("mos_tf")
class AUC(CandidateSums):
    """Area under the ROC curve over all candidates, by thresholds of equal distance in the logit.

        AUC = Σ_b P_b (N_{<b} + N_b / 2) / (P N)        P_b, N_b: weight of bin b's positives, negatives

    Pairs in different bins are counted as they are ranked, pairs inside one bin count half. Hence

        |AUC − exact AUC| ≤ ½ Σ_b P_b N_b / (P N) = `error_bound()`

    For logits spread like a normal distribution of standard deviation σ, that is about 3·10⁻⁴ / σ. Thresholds on the
    probability itself, as in `keras.metrics.AUC`, put the candidates of a rare-click log into their first few bins.
    0.0 where one class is missing, NaN once a label or a prediction was outside [0, 1]. Memory: 16 bytes a bin.

    Args:
        num_bins: bins between the logits −16 and 16; what is beyond falls into the outer ones.

    Raises:
        ValueError: fewer than two bins.

    Example:

    >>> metric = AUC()
    >>> metric.update_state([1, 0, 1, 0], [0.9, 0.1, 0.5, 0.5])  # three of four pairs right, one tied
    >>> float(metric.result()), float(metric.error_bound())
    (0.875, 0.125)
    """

    def __init__(self, num_bins: int = 2**14, name: str = "auc", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        if num_bins < 2:
            raise ValueError(f"num_bins must be at least 2. Received: num_bins={num_bins}; take some thousand")
        self.num_bins = num_bins
        self.positives = self.add_sum("positives", (num_bins,))
        self.negatives = self.add_sum("negatives", (num_bins,))

    def accumulate(self, labels: Any, probabilities: Any, weights: Any) -> None:
        # log 0 is −∞ at either end, and is clipped with the rest that lies beyond the bins.
        logits = ops.log(probabilities) - ops.log1p(-probabilities)
        place = (ops.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT) / _LARGEST_LOGIT + 1.0) / 2.0
        bins = ops.clip(ops.cast(ops.floor(place * self.num_bins), "int32"), 0, self.num_bins - 1)
        self.positives.assign_add(ops.segment_sum(weights * labels, bins, self.num_bins))
        self.negatives.assign_add(ops.segment_sum(weights * (1.0 - labels), bins, self.num_bins))

    def result(self) -> Any:
        positives, negatives = self.positives.value, self.negatives.value
        below = ops.cumsum(negatives) - negatives
        return self._of_pairs(ops.sum(positives * (below + negatives / 2.0)))

    def error_bound(self) -> Any:
        """Returns how far at most the result is from the exact AUC of the same candidates, float64 scalar."""
        return self._of_pairs(ops.sum(self.positives.value * self.negatives.value) / 2.0)

    def _of_pairs(self, weight: Any) -> Any:
        return ops.divide_no_nan(weight, ops.sum(self.positives.value) * ops.sum(self.negatives.value))

    def get_config(self) -> dict:
        return {**super().get_config(), "num_bins": self.num_bins}
