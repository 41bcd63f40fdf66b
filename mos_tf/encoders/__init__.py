"""Sequence encoders: a history and a candidate become one vector."""

from mos_tf.encoders.base import Encoded, SequenceEncoder
from mos_tf.encoders.din import DIN
from mos_tf.encoders.hstu import HSTU
from mos_tf.encoders.mamba4rec import Mamba4Rec
from mos_tf.encoders.sdim import SDIM
from mos_tf.encoders.transact import TransAct
from mos_tf.encoders.twin import TWIN

__all__ = ["DIN", "HSTU", "SDIM", "TWIN", "Encoded", "Mamba4Rec", "SequenceEncoder", "TransAct"]
