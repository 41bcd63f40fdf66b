"""Metrics of ranked requests."""

from mos_tf.metrics.gauc import GAUC
from mos_tf.metrics.theme_load import ThemeLoad

__all__ = ["GAUC", "ThemeLoad"]
