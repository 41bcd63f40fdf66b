"""Metrics of ranked requests: streaming, bounded in memory, saved with their configuration.

Where there is nothing to judge (no candidate, weights of 0, labels of one class), a metric of ranking gives 0.0 and a
metric of probabilities gives NaN: each a value that no comparison takes for a good model. NaN also tells of what cannot
be judged: a label or a probability outside [0, 1], such as a logit, or a user beyond the capacity of `GAUC` and `UAUC`,
which otherwise rank scores of any range.
"""

from mos_tf.metrics.auc import AUC
from mos_tf.metrics.calibration import Calibration
from mos_tf.metrics.expected_calibration_error import ExpectedCalibrationError
from mos_tf.metrics.gauc import GAUC
from mos_tf.metrics.log_loss import LogLoss
from mos_tf.metrics.normalized_entropy import NormalizedEntropy
from mos_tf.metrics.theme_load import ThemeLoad
from mos_tf.metrics.uauc import UAUC

__all__ = [
    "AUC",
    "GAUC",
    "UAUC",
    "Calibration",
    "ExpectedCalibrationError",
    "LogLoss",
    "NormalizedEntropy",
    "ThemeLoad",
]
