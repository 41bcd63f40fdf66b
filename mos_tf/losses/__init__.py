"""Losses as pure functions of flat values, in `keras.ops`: no padding, the same numbers on every Keras backend.

All compute and answer in float32, whatever precision comes in, and an empty batch costs 0.
"""

from mos_tf.losses.candidate_cross_entropy import candidate_cross_entropy
from mos_tf.losses.load_balance import load_balance
from mos_tf.losses.negative_sampling import undo_negative_sampling, undo_negative_sampling_logits
from mos_tf.losses.request_softmax import request_softmax
from mos_tf.losses.session_contrast import session_contrast
from mos_tf.losses.vector_quantization import codebook_loss, commitment_loss, vq_loss

__all__ = [
    "candidate_cross_entropy",
    "codebook_loss",
    "commitment_loss",
    "load_balance",
    "request_softmax",
    "session_contrast",
    "undo_negative_sampling",
    "undo_negative_sampling_logits",
    "vq_loss",
]
