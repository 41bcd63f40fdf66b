"""Mixture of Sequence for ranking with very long user histories, on Keras 3 and ragged tensors."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mos_tf.features import Feature, FeatureSpec
    from mos_tf.flops import cost
    from mos_tf.layers import HistoryAffinity, MixtureOfSequence, ThemeRouter
    from mos_tf.models import FirstStage, ItemTable, Objective, SequenceRanker
    from mos_tf.request import Request
    from mos_tf.vocabulary import Vocabulary

# Names load when first used: the command line and Beam workers need no TensorFlow to start.
_HOMES = {
    "Feature": "mos_tf.features",
    "FeatureSpec": "mos_tf.features",
    "FirstStage": "mos_tf.models",
    "HistoryAffinity": "mos_tf.layers",
    "ItemTable": "mos_tf.models",
    "MixtureOfSequence": "mos_tf.layers",
    "Objective": "mos_tf.models",
    "Request": "mos_tf.request",
    "SequenceRanker": "mos_tf.models",
    "ThemeRouter": "mos_tf.layers",
    "Vocabulary": "mos_tf.vocabulary",
    "cost": "mos_tf.flops",
}

__all__ = [
    "Feature",
    "FeatureSpec",
    "FirstStage",
    "HistoryAffinity",
    "ItemTable",
    "MixtureOfSequence",
    "Objective",
    "Request",
    "SequenceRanker",
    "ThemeRouter",
    "Vocabulary",
    "cost",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mos_tf' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
