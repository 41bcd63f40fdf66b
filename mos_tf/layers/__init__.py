"""Keras layers: routing, affinity, numbers, experts, fusion and the mixture of them."""

from mos_tf.layers.affinity import HistoryAffinity
from mos_tf.layers.cross import Cross
from mos_tf.layers.embedding_router import EmbeddingRouter
from mos_tf.layers.fusion import Fusion
from mos_tf.layers.mixture_of_sequence import Mixed, MixtureOfSequence, Routing
from mos_tf.layers.piecewise_linear import PiecewiseLinearEmbedding
from mos_tf.layers.short_term_expert import ShortTermExpert
from mos_tf.layers.similarity import HistorySimilarity
from mos_tf.layers.theme_experts import ThemeExperts
from mos_tf.layers.theme_router import ThemeRouter

__all__ = [
    "Cross",
    "EmbeddingRouter",
    "Fusion",
    "HistoryAffinity",
    "HistorySimilarity",
    "Mixed",
    "MixtureOfSequence",
    "PiecewiseLinearEmbedding",
    "Routing",
    "ShortTermExpert",
    "ThemeExperts",
    "ThemeRouter",
]
