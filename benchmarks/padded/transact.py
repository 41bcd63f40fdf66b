"""`PaddedTransAct`: the same mathematics with stock Keras layers on padded, masked tensors."""

from typing import Any

import keras
from keras import ops

from mos_tf.encoders.transact import TransAct


class PaddedTransAct(keras.layers.Layer):
    """TransAct for one candidate a request, padded to the longest history.

    Call arguments:
        history: float [batch, longest, dim], oldest first, padded behind.
        mask: bool [batch, longest], which events exist.
        candidates: float [batch, dim].
    """

    def __init__(
        self,
        num_layers: int = 2,
        num_heads: int = 1,
        feed_forward: int = 32,
        num_recent: int = 10,
        output_dim: int = 64,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_recent = num_recent
        self.blocks = [TransformerLayer(num_heads, feed_forward) for _ in range(num_layers)]
        self.output_projection = keras.layers.Dense(output_dim)
        self.null_vector = self.add_weight(shape=(output_dim,), initializer="zeros")

    def call(self, history: Any, mask: Any, candidates: Any) -> Any:
        candidates = ops.broadcast_to(candidates[:, None], (*ops.shape(history)[:2], candidates.shape[-1]))
        x = ops.concatenate([history, candidates], axis=-1)
        for block in self.blocks:
            x = block(x, mask)
        lengths = ops.sum(ops.cast(mask, "int32"), axis=1)
        position = lengths[:, None] - 1 - ops.arange(self.num_recent)
        recent = ops.take_along_axis(x, ops.maximum(position, 0)[..., None], axis=1)
        recent = ops.reshape(ops.where(position[..., None] >= 0, recent, 0.0), (-1, self.num_recent * x.shape[-1]))
        exists = (lengths > 0)[:, None]
        peak = ops.where(exists, ops.max(ops.where(mask[..., None], x, -1e30), axis=1), 0.0)
        return ops.where(exists, self.output_projection(ops.concatenate([recent, peak], axis=1)), self.null_vector)

    def copy_weights(self, ragged: TransAct) -> None:
        """Takes over the weights of a ragged layer of the same configuration; both are built."""
        for mine, block in zip(self.blocks, ragged.blocks, strict=True):
            mine.copy_weights(block)
        self.output_projection.set_weights(ragged.output_projection.get_weights())
        self.null_vector.assign(ragged.null_vector)


class TransformerLayer(keras.layers.Layer):
    """One transformer encoder layer."""

    def __init__(self, num_heads: int, feed_forward: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.feed_forward = feed_forward

    def build(self, shape: tuple[Any, ...]) -> None:
        width = shape[-1]
        self.attention = keras.layers.MultiHeadAttention(self.num_heads, width // self.num_heads)
        self.attention_norm = keras.layers.LayerNormalization()
        self.hidden = keras.layers.Dense(self.feed_forward, activation="relu")
        self.fed_forward = keras.layers.Dense(width)
        self.feed_forward_norm = keras.layers.LayerNormalization()

    def call(self, x: Any, mask: Any) -> Any:
        x = self.attention_norm(x + self.attention(x, x, attention_mask=mask[:, None]))
        return self.feed_forward_norm(x + self.fed_forward(self.hidden(x)))

    def copy_weights(self, block: Any) -> None:
        """Takes over the weights of a ragged block, which has no biases in its input projections."""
        width = block.attended.kernel.shape[0]
        per_head = (width, self.num_heads, width // self.num_heads)
        inputs = ops.split(block.queries_keys_values.kernel, 3, axis=1)
        query, key, value = (ops.reshape(kernel, per_head) for kernel in inputs)
        none = ops.zeros(per_head[1:])
        output = ops.reshape(block.attended.kernel, (*per_head[1:], width)), block.attended.bias
        self.attention.set_weights([query, none, key, none, value, none, *output])
        for name in ("attention_norm", "hidden", "fed_forward", "feed_forward_norm"):
            getattr(self, name).set_weights(getattr(block, name).get_weights())
