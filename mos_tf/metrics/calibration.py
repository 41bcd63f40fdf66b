"""`Calibration`: predicted positives for each real one."""

from typing import Any

import keras
from keras import ops

from mos_tf.metrics.candidate_sums import CandidateSums, ratio


@keras.saving.register_keras_serializable("mos_tf")
class Calibration(CandidateSums):
    """Calibration.

        Calibration = Σ_c w_c p_c / Σ_c w_c y_c        mean prediction / mean label

    1 is right on average, above 1 predicts too much. NaN without a positive, and once a label or a prediction
    was outside [0, 1].

    References:
        He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014, section 3.

    Example:

    >>> metric = Calibration()
    >>> metric.update_state([1, 0, 0, 0], [0.5, 0.5, 0.25, 0.25])
    >>> float(metric.result())
    1.5
    """

    def __init__(self, name: str = "calibration", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.predicted = self.add_sum("predicted")
        self.positives = self.add_sum("positives")

    def accumulate(self, labels: Any, probabilities: Any, weights: Any) -> None:
        self.predicted.assign_add(ops.sum(weights * probabilities))
        self.positives.assign_add(ops.sum(weights * labels))

    def result(self) -> Any:
        return ratio(self.predicted.value, self.positives.value)
