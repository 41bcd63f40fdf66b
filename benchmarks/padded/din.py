"""The same mathematics as `mos_tf.encoders.DIN` with stock Keras layers on padded, masked tensors."""

from typing import Any

import keras
from keras import ops


class PaddedDIN(keras.layers.Layer):
    """DIN of one candidate a history, right for any mask; weights have the names and order of the ragged encoder's.

    Args:
        hidden_units: width of the activation unit's hidden layer.
        num_heads: heads, which divide the width of the history.

    Call arguments:
        history: float [batch, longest, dim].
        valid: bool [batch, longest], true where there is an event.
        candidates: float [batch, dim].

    Returns:
        [batch, dim].
    """

    def __init__(self, hidden_units: int = 32, num_heads: int = 4, **kwargs: Any):
        super().__init__(**kwargs)
        self.hidden_units = hidden_units
        self.num_heads = num_heads

    def build(self, history_shape: Any, valid_shape: Any, candidates_shape: Any) -> None:
        dim = history_shape[-1]
        self.event_projection = _dense(self.hidden_units, dim, "event", use_bias=False)
        self.candidate_projection = _dense(self.hidden_units, dim, "candidate")
        self.product_projection = _dense(self.hidden_units, dim, "product", use_bias=False)
        self.score = _dense(self.num_heads, self.hidden_units, "score", use_bias=False)
        self.value = _dense(dim, dim, "value")
        heads = (self.num_heads,)
        self.recency_slope = self.add_weight(shape=heads, initializer="zeros", name="recency_slope")
        self.null_score = self.add_weight(shape=heads, initializer="zeros", name="null_score")
        self.null_value = self.add_weight(shape=(dim,), initializer="zeros", name="null_value")

    def call(self, history: Any, valid: Any, candidates: Any) -> Any:
        # Linear in the event, so the candidate enters through its own kernel: no [batch, longest, 3 dim] is ever made.
        kernels = self.event_projection.kernel + candidates[..., None] * self.product_projection.kernel
        hidden = ops.silu(ops.matmul(history, kernels) + self.candidate_projection(candidates)[:, None])
        scores = self.score(hidden) - ops.log1p(_rank(valid))[..., None] * self.recency_slope
        scores = ops.where(valid[..., None], scores, -1e30)
        null = ops.broadcast_to(self.null_score, (ops.shape(history)[0], 1, self.num_heads))
        weights = ops.softmax(ops.concatenate([scores, null], axis=1), axis=1)
        # Linear, too, so the values' projection meets what each head has pooled, one slice a head.
        pooled = ops.matmul(ops.transpose(weights[:, :-1], (0, 2, 1)), history)
        width = history.shape[-1] // self.num_heads
        slices = ops.reshape(self.value.kernel, (-1, self.num_heads, width))
        vectors = ops.reshape(ops.einsum("bhd,dhw->bhw", pooled, slices), ops.shape(candidates))
        null = ops.repeat(weights[:, -1], width, axis=1)
        return vectors + (1 - null) * self.value.bias + null * self.null_value


def _rank(valid: Any) -> Any:
    """Returns how many events follow each, float32 [batch, longest]."""
    following = ops.flip(ops.cumsum(ops.cast(ops.flip(valid, axis=1), "float32"), axis=1), axis=1)
    return ops.maximum(following - 1.0, 0.0)


def _dense(units: int, input_dim: int, name: str, use_bias: bool = True) -> keras.layers.Dense:
    layer = keras.layers.Dense(units, use_bias=use_bias, name=name)
    layer.build((None, input_dim))
    return layer
