"""`DIN`: target attention through a learned activation unit."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mos_tf.encoders.arguments import positive
from mos_tf.encoders.base import Encoded, SequenceEncoder, Shape
from mos_tf.encoders.heads import over_slices, values_of_heads
from mos_tf.ragged import Pairs, Rows, null_softmax, pair_rows, tile_rows
from mos_tf.ragged.backend import count, segment_sum, weigh


@keras.saving.register_keras_serializable("mos_tf")
class DIN(SequenceEncoder):
    """Deep Interest Network: an activation unit scores every (event, candidate) pair.

        a_tc = MLP([x_t, v_c, x_t ⊙ v_c]) − slope · log(1 + rank_t)        one score a head
        h_c  = [Σ_t w_tc (V x_t + b) + w_0c n]                             w = softmax over events and a null key

    Two additions to the paper: scores are normalised together with a null key, whose value n is what an empty
    history gives, and a learned slope a head discounts old events (rank 0 is the most recent). The first layer of the
    unit is linear in [x, v, x ⊙ v] (a difference x − v adds nothing to it), so its x part is computed once an event
    and its v part once a candidate; only the product is per pair. The values are linear, too, so V meets the pooled
    events, once a candidate, and never an event.

    Args:
        hidden_units: width of the activation unit's hidden layer.
        num_heads: heads, each with its own scores over its own slice of the values.
        output_dim: width of the result, a multiple of `num_heads`; default the history's.

    Raises:
        ValueError: an output width that the heads do not divide.

    References:
        Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", KDD 2018.

    Example:

    >>> import tensorflow as tf
    >>> history = tf.RaggedTensor.from_row_lengths(tf.random.normal([5, 8]), [5, 0])
    >>> DIN()(history, tf.random.normal([2, 8])).shape
    TensorShape([2, 8])
    """

    def __init__(self, hidden_units: int = 32, num_heads: int = 4, output_dim: int | None = None, **kwargs: Any):
        super().__init__(output_dim=output_dim, **kwargs)
        positive(self, hidden_units=hidden_units, num_heads=num_heads, output_dim=output_dim)
        self.hidden_units = hidden_units
        self.num_heads = num_heads
        self.evidence_dim = 2 * num_heads

    def build(self, history_shape: Shape, candidates_shape: Shape) -> None:
        super().build(history_shape, candidates_shape)
        if self.output_dim % self.num_heads:
            raise ValueError(
                "DIN's heads share the output evenly. "
                f"Received: output_dim={self.output_dim}, num_heads={self.num_heads}"
            )
        dim = history_shape[-1]
        self.event_projection = self._dense(self.hidden_units, dim, "event", use_bias=False)
        self.candidate_projection = self._dense(self.hidden_units, dim, "candidate")
        self.product_projection = self._dense(self.hidden_units, dim, "product", use_bias=False)
        self.score = self._dense(self.num_heads, self.hidden_units, "score", use_bias=False)
        self.value = self._dense(self.output_dim, dim, "value")
        # From no discount to a steep one, so that heads differ from the start.
        slopes = [0.5 * head for head in range(self.num_heads)]
        self.recency_slope = self.add_weight(shape=(self.num_heads,), initializer=_Values(slopes), name="recency_slope")
        self.null_score = self.add_weight(shape=(self.num_heads,), initializer="zeros", name="null_score")
        self.null_value = self.add_weight(shape=(self.output_dim,), initializer="zeros", name="null_value")

    def _dense(self, units: int, input_dim: int, name: str, use_bias: bool = True) -> keras.layers.Dense:
        layer = keras.layers.Dense(units, use_bias=use_bias, name=name, dtype=self.dtype_policy)
        layer.build((None, input_dim))
        return layer

    def encode(self, history: Rows, candidates: Any, candidate_rows: Any = None, time: Any = None) -> Encoded:
        tiles = tile_rows(history)
        events = tiles.cut(history.values)
        pairs = pair_rows(tiles.splits, candidate_rows, count(tiles.row))
        hidden = ops.silu(self._unit(events, candidates, pairs))
        # Softmax in float32: under mixed precision a long history's sum would overflow or round away.
        scores = ops.cast(self.score(hidden), "float32")
        age = ops.log1p(ops.cast(tiles.rank, "float32"))[..., None] * ops.cast(self.recency_slope, "float32")
        scores -= pairs.of_members(age)
        num_candidates = count(candidates)
        attention = null_softmax(
            scores,
            pairs.of_members(tiles.valid),
            pairs.candidate,
            num_candidates,
            ops.cast(self.null_score, "float32"),
        )
        pooled = weigh(ops.cast(attention.weights, events.dtype), pairs.of_members(events))
        pooled = segment_sum(pooled, pairs.candidate, num_candidates)
        kernel, bias = (ops.cast(part, pooled.dtype) for part in (self.value.kernel, self.value.bias))
        null_weight = ops.cast(over_slices(attention.null_weight, self.output_dim), pooled.dtype)
        vectors = values_of_heads(pooled, kernel) + (1 - null_weight) * bias + null_weight * self.null_value
        evidence = ops.concatenate([attention.logsumexp, attention.null_weight], axis=1)
        return Encoded(vectors, ops.cast(evidence, vectors.dtype))

    def _unit(self, events: Any, candidates: Any, pairs: Pairs) -> Any:
        """The activation unit's first layer for every pair, [P, T, hidden].

        It is linear in the event, x (W_x + diag(v) W_xv) + v W_v, so the candidate enters through its own kernel.
        """
        kernels = self.event_projection.kernel + candidates[..., None] * self.product_projection.kernel
        offsets = self.candidate_projection(candidates)
        hidden = ops.matmul(pairs.of_members(events), pairs.of_candidates(kernels))
        return hidden + pairs.of_candidates(offsets)[:, None]

    def get_config(self) -> dict:
        return {**super().get_config(), "hidden_units": self.hidden_units, "num_heads": self.num_heads}


@keras.saving.register_keras_serializable("mos_tf")
class _Values(keras.initializers.Initializer):
    """Starts a weight at given numbers."""

    def __init__(self, values: Sequence[float]):
        self.values = list(values)

    def __call__(self, shape: Shape, dtype: Any = None) -> Any:
        return ops.reshape(ops.convert_to_tensor(self.values, dtype=dtype), shape)

    def get_config(self) -> dict:
        return {"values": self.values}
