"""`ExpectedCalibrationError`: how far predictions are from what happens, by height of the prediction."""

from typing import Any

import keras
from keras import ops

from mos_tf.metrics.candidate_sums import CandidateSums, ratio


@keras.saving.register_keras_serializable("mos_tf")
class ExpectedCalibrationError(CandidateSums):
    """Expected calibration error over bins of equal width.

        ECE = Σ_b (W_b / W) |mean label in b − mean prediction in b| = Σ_b |Σ_{c in b} w_c (y_c − p_c)| / W

    Bin b of B holds predictions in [b/B, (b + 1)/B), the last one 1 as well. Where positives are rare, all
    predictions share the first bins and the error is small whatever the model; read it beside `Calibration`.
    NaN without candidates, and once a label or a prediction was outside [0, 1].

    Args:
        num_bins: B.

    Raises:
        ValueError: no bin.

    References:
        Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.

    Example:

    >>> metric = ExpectedCalibrationError(num_bins=2)
    >>> metric.update_state([1, 0, 1, 1], [0.25, 0.25, 0.75, 0.75])  # off by a quarter in both halves
    >>> float(metric.result())
    0.25
    """

    def __init__(self, num_bins: int = 15, name: str = "expected_calibration_error", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        if num_bins < 1:
            raise ValueError(f"num_bins must be at least 1. Received: num_bins={num_bins}; 10 to 20 are usual")
        self.num_bins = num_bins
        self.gaps = self.add_sum("gaps", (num_bins,))
        self.weight = self.add_sum("weight")

    def accumulate(self, labels: Any, probabilities: Any, weights: Any) -> None:
        bins = ops.clip(ops.cast(ops.floor(probabilities * self.num_bins), "int32"), 0, self.num_bins - 1)
        self.gaps.assign_add(ops.segment_sum(weights * (labels - probabilities), bins, self.num_bins))
        self.weight.assign_add(ops.sum(weights))

    def result(self) -> Any:
        return ratio(ops.sum(ops.abs(self.gaps.value)), self.weight.value)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_bins": self.num_bins}
