"""What a forward pass costs: multiply-adds of matrix products, and parameters, by part."""

from mos_tf.flops.counting import cost
from mos_tf.flops.encoders import register
from mos_tf.flops.report import Cost
from mos_tf.flops.sequences import Sequences

__all__ = ["Cost", "Sequences", "cost", "register"]
