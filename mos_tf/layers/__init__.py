"""Keras layers: routing, affinity, numbers, fusion and the mixture of them."""

from mos_tf.layers.affinity import HistoryAffinity
from mos_tf.layers.fusion import Fusion
from mos_tf.layers.mixture_of_sequence import Mixed, MixtureOfSequence
from mos_tf.layers.piecewise_linear import PiecewiseLinearEmbedding
from mos_tf.layers.theme_router import ThemeRouter

__all__ = [
    "Fusion",
    "HistoryAffinity",
    "Mixed",
    "MixtureOfSequence",
    "PiecewiseLinearEmbedding",
    "ThemeRouter",
]
