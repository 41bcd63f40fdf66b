"""Sequence encoders: a history and a candidate become one vector."""

from mos_tf.encoders.base import Encoded, SequenceEncoder
from mos_tf.encoders.din import DIN

__all__ = ["DIN", "Encoded", "SequenceEncoder"]
