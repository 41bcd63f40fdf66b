"""Mixtures of experts that a user would otherwise take, around any sequence encoder.

Each is a `SequenceEncoder` itself. They differ in the gate alone; who is dispatched, a whole request or each event, is
an argument.
"""

from mos_tf.moe.dselect_k import DSelectK
from mos_tf.moe.expert_choice import ExpertChoice
from mos_tf.moe.gshard import GShard

__all__ = ["DSelectK", "ExpertChoice", "GShard"]
