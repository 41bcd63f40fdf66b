"""The same mathematics as `mos_tf.encoders.TWIN` with stock Keras layers on padded, masked tensors."""

from typing import Any

import keras
from keras import ops


class PaddedTWIN(keras.layers.Layer):
    """TWIN of one candidate a history, without times, right for any mask; weights have the names and order of the
    ragged encoder's, without `age_slope`.

    Args:
        num_selected: events that a candidate attends to.
        num_heads: heads.

    Call arguments:
        history: float [batch, longest, dim].
        valid: bool [batch, longest], true where there is an event.
        candidates: float [batch, dim].

    Returns:
        [batch, dim].
    """

    def __init__(self, num_selected: int = 50, num_heads: int = 4, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_selected = num_selected
        self.num_heads = num_heads

    def build(self, history_shape: Any, valid_shape: Any, candidates_shape: Any) -> None:
        dim = history_shape[-1]
        self.query, self.key, self.value = (
            keras.layers.Dense(dim, use_bias=False, name=name) for name in ("query", "key", "value")
        )
        for projection in (self.query, self.key, self.value):
            projection.build((None, dim))
        self.recency_slope = self.add_weight(shape=(self.num_heads,), initializer="zeros", name="recency_slope")
        self.null_score = self.add_weight(shape=(self.num_heads,), initializer="zeros", name="null_score")
        self.null_value = self.add_weight(shape=(dim,), initializer="zeros", name="null_value")

    def call(self, history: Any, valid: Any, candidates: Any) -> Any:
        queries = self._queries(candidates)
        recency = ops.log1p(_rank(valid))
        relevance = ops.max(self._scores(history, recency, queries) - self.null_score, axis=2)
        relevance = ops.stop_gradient(ops.where(valid, relevance, -1e30))
        best, index = ops.top_k(relevance, min(self.num_selected, history.shape[1]))
        # Whole events from the flat batch: `take_along_axis` would gather each number by an index of its own.
        index += ops.arange(ops.shape(history)[0])[:, None] * ops.shape(history)[1]
        events = ops.take(ops.reshape(history, (-1, history.shape[-1])), index, axis=0)
        scores = self._scores(events, ops.take(ops.reshape(recency, (-1,)), index), queries)
        scores = ops.where((best > -1e30)[..., None], scores, -1e30)
        null = ops.broadcast_to(self.null_score, (ops.shape(events)[0], 1, self.num_heads))
        weights = ops.softmax(ops.concatenate([scores, null], axis=1), axis=1)
        pooled = ops.matmul(ops.transpose(weights[:, :-1], (0, 2, 1)), events)
        vectors = ops.matmul(ops.transpose(pooled, (1, 0, 2)), self._per_head(self.value))
        vectors = ops.reshape(ops.transpose(vectors, (1, 0, 2)), ops.shape(candidates))
        width = history.shape[-1] // self.num_heads
        return vectors + ops.repeat(weights[:, -1], width, axis=1) * self.null_value

    def _scores(self, events: Any, recency: Any, queries: Any) -> Any:
        return ops.matmul(events, ops.transpose(queries, (0, 2, 1))) - recency[..., None] * self.recency_slope

    def _per_head(self, projection: keras.layers.Dense) -> Any:
        kernel = projection.kernel
        return ops.transpose(ops.reshape(kernel, (kernel.shape[0], self.num_heads, -1)), (1, 0, 2))

    def _queries(self, candidates: Any) -> Any:
        query, key = self._per_head(self.query), self._per_head(self.key)
        folded = ops.matmul(query, ops.transpose(key, (0, 2, 1))) * query.shape[-1] ** -0.5
        return ops.transpose(ops.matmul(candidates[None], folded), (1, 0, 2))


def _rank(valid: Any) -> Any:
    """Returns how many events follow each, float32 [batch, longest]."""
    following = ops.flip(ops.cumsum(ops.cast(ops.flip(valid, axis=1), "float32"), axis=1), axis=1)
    return ops.maximum(following - 1.0, 0.0)
