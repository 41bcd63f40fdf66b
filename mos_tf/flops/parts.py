"""`parts`: what a sequence layer consists of, and what each part costs."""

from functools import singledispatch
from typing import Any, NamedTuple

from mos_tf.flops.encoders import multiply_adds
from mos_tf.flops.sequences import Sequences


class Part(NamedTuple):
    """One part of a model.

    Attributes:
        multiply_adds: over all sequences.
        weights: its trainable variables.
    """

    multiply_adds: float
    weights: list[Any]


@singledispatch
def parts(layer: Any, sequences: Sequences, themes: Sequences | None = None) -> dict[str, Part]:
    """Returns the parts of a model by name; what has no parts is an encoder.

    Args:
        layer: an encoder, a mixture or a ranker, built.
        sequences: the requests.
        themes: what the theme expert of a `MixtureOfSequence` sees; None: even themes.
    """
    return {"encoder": Part(multiply_adds(layer, sequences), layer.trainable_weights)}
