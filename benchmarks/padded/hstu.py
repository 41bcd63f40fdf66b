"""`PaddedHSTU`: the same mathematics with stock Keras layers on padded, masked tensors."""

from typing import Any

import keras
from keras import ops

from mos_tf.encoders.hstu import HSTU

_EDGES = [*range(1, 16), *(round(16 * 2 ** (half / 2)) for half in range(17))]
_TIME_BUCKETS = 32


class PaddedHSTU(keras.layers.Layer):
    """HSTU for one candidate a request, padded to the longest history.

    As in the ragged layer the history's own output of the last layer, nobody's input, is not computed.

    Call arguments:
        history: float [batch, longest, dim], oldest first, padded behind.
        mask: bool [batch, longest], which events exist.
        candidates: float [batch, dim].
        seconds: int32 [batch, longest], before the request, or None.
    """

    def __init__(self, dim: int = 64, num_layers: int = 2, num_heads: int = 2, **kwargs: Any):
        super().__init__(**kwargs)
        self.blocks = [HSTULayer(dim, num_heads) for _ in range(num_layers)]
        self.output_norm = keras.layers.LayerNormalization()
        self.output_projection = keras.layers.Dense(dim)
        self.null_vector = self.add_weight(shape=(dim,), initializer="zeros")

    def build(self, *shapes: Any) -> None:
        self.built = True  # its layers build themselves on the first call

    def call(self, history: Any, mask: Any, candidates: Any, seconds: Any = None) -> Any:
        longest = ops.shape(history)[1]
        lengths = ops.sum(ops.cast(mask, "int32"), axis=1)
        place = ops.arange(longest)
        apart = ops.maximum(place[:, None] - place, 0)
        to_candidate = ops.maximum(lengths[:, None] - place, 0)
        places = ops.digitize(apart, _EDGES), ops.digitize(to_candidate, _EDGES)
        times = None
        if seconds is not None:
            times = _octave(ops.abs(seconds[:, :, None] - seconds[:, None])), _octave(seconds)
        past = mask[:, None, :] & (place[:, None] >= place)
        events, targets = history, candidates[:, None]
        for depth, block in enumerate(self.blocks):
            keys, values = block.keys_and_values(events)
            targets = block.targets(targets, keys, values, mask, lengths, places[1], times and times[1])
            if depth + 1 < len(self.blocks):
                events = block.events(events, keys, values, past, places[0], times and times[0])
        vectors = self.output_projection(self.output_norm(targets[:, 0]))
        return ops.where((lengths > 0)[:, None], vectors, self.null_vector)

    def copy_weights(self, ragged: HSTU) -> None:
        """Takes over the weights of a ragged layer of the same configuration; both are built."""
        for mine, block in zip(self.blocks, ragged.blocks, strict=True):
            for name in ("gate_query", "value_key", "gated"):
                getattr(mine, name).set_weights(getattr(block, name).get_weights())
            mine.position_bias.assign(block.position_bias)
            mine.time_bias.assign(block.time_bias)
        self.output_norm.set_weights(ragged.output_norm.get_weights())
        self.output_projection.set_weights(ragged.output_projection.get_weights())
        self.null_vector.assign(ragged.null_vector)


def _octave(seconds: Any) -> Any:
    return 1 + ops.cast(ops.floor(ops.log2(ops.cast(seconds, "float32") + 0.5)), "int32")


class HSTULayer(keras.layers.Layer):
    """One HSTU layer for events [batch, longest, dim] and for candidates [batch, 1, dim]."""

    def __init__(self, dim: int, num_heads: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.split = keras.layers.Reshape((-1, num_heads, dim // num_heads))
        self.merge = keras.layers.Reshape((-1, dim))
        self.input_norm = keras.layers.LayerNormalization(center=False, scale=False)
        self.attention_norm = keras.layers.LayerNormalization(center=False, scale=False)
        self.gate_query = keras.layers.Dense(2 * dim, activation="silu", use_bias=False)
        self.value_key = keras.layers.Dense(2 * dim, activation="silu", use_bias=False)
        self.gated = keras.layers.Dense(dim)
        self.position_bias = self.add_weight(shape=(len(_EDGES) + 1,), initializer="zeros")
        self.time_bias = self.add_weight(shape=(_TIME_BUCKETS,), initializer="zeros")

    def keys_and_values(self, x: Any) -> tuple[Any, Any]:
        """Returns [batch, longest, heads, width] keys and values."""
        values, keys = ops.split(self.value_key(self.input_norm(x)), 2, axis=-1)
        return self.split(keys), self.split(values)

    def events(self, x: Any, keys: Any, values: Any, past: Any, places: Any, times: Any) -> Any:
        """Returns the events' next states; `past` [batch, longest, longest] says what each may see."""
        gate, queries = ops.split(self.gate_query(self.input_norm(x)), 2, axis=-1)
        sums = self._attend(self.split(queries), keys, values, past, self._bias(places, times))
        num_keys = ops.cast(ops.arange(ops.shape(x)[1]) + 1, "float32")[:, None]
        return x + self.gated(self.attention_norm(self.merge(sums) / num_keys) * gate)

    def targets(self, x: Any, keys: Any, values: Any, mask: Any, lengths: Any, places: Any, times: Any) -> Any:
        """Returns the candidates' next states: each sees its history and itself."""
        gate, queries = ops.split(self.gate_query(self.input_norm(x)), 2, axis=-1)
        own_keys, own_values = self.keys_and_values(x)
        queries, own_bias = self.split(queries), self.position_bias[0]
        if times is not None:
            times, own_bias = times[:, None], own_bias + self.time_bias[0]
        sums = self._attend(queries, keys, values, mask[:, None], self._bias(places[:, None], times))
        own = ops.silu(ops.sum(queries * own_keys, axis=-1, keepdims=True) + own_bias) * own_values
        num_keys = ops.cast(lengths + 1, "float32")[:, None, None]
        return x + self.gated(self.attention_norm(self.merge(sums + own) / num_keys) * gate)

    def _bias(self, places: Any, times: Any) -> Any:
        bias = ops.take(self.position_bias, places)
        return bias if times is None else bias + ops.take(self.time_bias, times)

    def _attend(self, queries: Any, keys: Any, values: Any, seen: Any, bias: Any) -> Any:
        """Pointwise attention; `seen` and `bias` are [batch or none, queries, keys]."""
        scores = ops.einsum("bihd,bjhd->bhij", queries, keys) + ops.expand_dims(bias, -3)
        weights = ops.where(seen[:, None], ops.silu(scores), 0.0)
        return ops.einsum("bhij,bjhd->bihd", weights, values)
