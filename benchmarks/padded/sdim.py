"""The same mathematics as `mos_tf.encoders.SDIM` with stock Keras layers on padded, masked tensors."""

from typing import Any

import keras
import numpy as np
from keras import ops


class PaddedSDIM(keras.layers.Layer):
    """SDIM of one candidate a history; weights have the names and order of the ragged encoder's.

    Args:
        num_hashes: number of hyperplanes.
        signature_bits: bits of one signature.

    Call arguments:
        history: float [batch, longest, dim].
        valid: bool [batch, longest], true where there is an event.
        candidates: float [batch, dim].

    Returns:
        [batch, dim].
    """

    def __init__(self, num_hashes: int = 48, signature_bits: int = 3, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_groups = num_hashes // signature_bits
        self.packing = np.kron(np.eye(self.num_groups), 2 ** np.arange(signature_bits)[:, None]).astype("float32")
        self.num_hashes = num_hashes

    def build(self, history_shape: Any, valid_shape: Any, candidates_shape: Any) -> None:
        dim = history_shape[-1]
        self.hyperplanes = self.add_weight(
            shape=(dim, self.num_hashes), initializer="random_normal", trainable=False, name="hyperplanes"
        )
        self.value = keras.layers.Dense(dim, use_bias=False, name="value")
        self.value.build((None, dim))
        self.null_value = self.add_weight(shape=(dim,), initializer="zeros", name="null_value")

    def call(self, history: Any, valid: Any, candidates: Any) -> Any:
        members = self._signatures(history) == self._signatures(candidates)[:, None]
        members = ops.cast(members & valid[..., None], history.dtype)
        sums = ops.matmul(ops.transpose(members, (0, 2, 1)), history)
        squares = ops.sum(ops.square(sums), axis=-1, keepdims=True)
        directions = sums * ops.rsqrt(ops.maximum(squares, 1e-12))
        empty = ops.mean(ops.cast(ops.sum(members, axis=1) == 0, history.dtype), axis=1, keepdims=True)
        return self.value(ops.mean(directions, axis=1)) + empty * self.null_value

    def _signatures(self, values: Any) -> Any:
        bits = ops.cast(ops.matmul(values, self.hyperplanes) > 0, "float32")
        return ops.matmul(bits, self.packing)
