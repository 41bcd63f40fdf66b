"""`HSTU`: a causal sequential transducer whose attention weighs without normalising, with candidates as targets."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mos_tf.encoders.arguments import positive
from mos_tf.encoders.base import Encoded, Shape
from mos_tf.encoders.joint import JointEncoder
from mos_tf.ragged import Pairs, Rows, Tiles, last_events, pair_rows, row_lengths, tile_rows
from mos_tf.ragged.backend import count, look_up, segment_sum, take
from mos_tf.ragged.limit import refuse_longer
from mos_tf.ragged.tile_attention import (
    MOST_EVENTS,
    TilePairs,
    checked_window,
    merge_heads,
    pair_tiles,
    quadratic_tiles,
    silu_attention,
    split_heads,
)

_WIDEST_TILE = 64  # measured: at 128 log-normal rows are up to a fifth slower, full ones no faster
_LONGEST_AGO = 2**30  # seconds, 34 years: what lies behind, such as a time in milliseconds, is as long ago
_FUTURE = -1e30  # SiLU of it is 0, and so is its gradient
# Relative positions: exact up to 16, then two buckets an octave, as T5 spaces them.
_POSITIONS = [*range(1, 16), *(round(16 * 2 ** (half / 2)) for half in range(17))]
_POSITION_BUCKETS = len(_POSITIONS) + 1
_TIME_BUCKETS = 32  # 0, then an octave of seconds each: [2^(b-1), 2^b)


@keras.saving.register_keras_serializable("mos_tf")
class HSTU(JointEncoder):
    """Hierarchical Sequential Transduction Unit, ranking candidates as targets appended to the history.

        U, V, Q, K = split(SiLU(W_1 LN(x)))                                        one layer
        a_ij = SiLU(q_i · k_j + p[i − j] + s[⌊log2 |t_i − t_j|⌋]) / n_i            j ≤ i, n_i keys
        x_i  ← x_i + W_2 (LN(Σ_j a_ij v_j) ⊙ u_i) + b_2
        h_c  = W LN(x_c) + b

    A candidate attends to the whole history and to itself, never to other candidates, and no event sees a candidate.
    So the history's layers run once a request, Σ L²/2 whatever the longest row is, and each candidate adds O(L). The
    last layer's own output of the history is nobody's input and never computed. Relative positions and times
    (seconds; the candidate's is the request's, 0) have learned, bucketed biases, one for all heads of a layer;
    without `history_time` there is the position alone. The paper divides by the longest sequence of all; here it is
    the number of keys, which no other row changes and which the norm behind it removes either way. A candidate of an
    empty history gives a learned null vector. The result knows the candidate already, so it is evidence, too.

    Args:
        max_events: encode the most recent events only; None: all of them.
        num_layers: layers.
        num_heads: attention heads, which divide the width of an event.
        output_dim: width of the result; default the history's.
        **kwargs: of `JointEncoder`.

    Raises:
        ValueError: a window beyond the limit of quadratic layers, heads that do not divide the width, candidates and
            events of different widths; on JAX, a longer row than the limit (4096 events) with `max_events=None`.
        tensorflow.errors.InvalidArgumentError: the last of these on TensorFlow, when it runs.

    References:
        Zhai et al., "Actions Speak Louder than Words: Trillion-Parameter Sequential Transducers for Generative
        Recommendations", ICML 2024. Raffel et al., "Exploring the Limits of Transfer Learning with a Unified
        Text-to-Text Transformer", JMLR 2020 (buckets of positions).

    Example:

    >>> import tensorflow as tf
    >>> history = tf.RaggedTensor.from_row_lengths(tf.random.normal([5, 8]), [5, 0])
    >>> HSTU()(history, tf.random.normal([2, 8])).shape
    TensorShape([2, 8])
    """

    def __init__(
        self,
        max_events: int | None = None,
        num_layers: int = 2,
        num_heads: int = 2,
        output_dim: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(output_dim=output_dim, **kwargs)
        positive(self, num_layers=num_layers, num_heads=num_heads, output_dim=output_dim)
        self.max_events = checked_window(max_events)
        self.num_layers = num_layers
        self.num_heads = num_heads

    def build(self, history_shape: Shape, candidates_shape: Shape) -> None:
        super().build(history_shape, candidates_shape)
        dim = history_shape[-1]
        if candidates_shape[-1] != dim:
            raise ValueError(
                "HSTU appends candidates to the history, so both have one width. "
                f"Received: history={dim}, candidates={candidates_shape[-1]}"
            )
        if dim % self.num_heads:
            raise ValueError(
                f"HSTU's heads share the width of an event evenly. Received: dim={dim}, num_heads={self.num_heads}"
            )
        self.blocks = [
            _Block(self.num_heads, name=f"block_{n}", dtype=self.dtype_policy) for n in range(self.num_layers)
        ]
        for block in self.blocks:
            block.build((None, None, dim))
        self.output_norm = keras.layers.LayerNormalization(name="output_norm", dtype=self.dtype_policy)
        self.output_norm.build((None, dim))
        self.output_projection = keras.layers.Dense(self.output_dim, name="output", dtype=self.dtype_policy)
        self.output_projection.build((None, dim))
        self.null_vector = self.add_weight(shape=(self.output_dim,), initializer="zeros", name="null_vector")

    def encode(self, history: Rows, candidates: Any, candidate_rows: Any = None, time: Any = None) -> Encoded:
        if self.max_events is not None:
            recent = last_events(history, self.max_events)
            history = recent.rows(history.values)
            time = None if time is None else take(time, recent.index)
        time = None if time is None else ops.cast(ops.minimum(time, _LONGEST_AGO), "int32")
        most_events = self.max_events or MOST_EVENTS
        history = Rows(history.values, refuse_longer(history.splits, most_events))
        width, most_tiles = quadratic_tiles(most_events, _WIDEST_TILE)
        tiles = tile_rows(history, width)
        among_events = _AmongEvents(history, tiles, time, most_tiles)
        to_candidates = _ToCandidates(history, tiles, time, candidate_rows, count(candidates))
        events, targets = tiles.cut(history.values), candidates
        for depth, block in enumerate(self.blocks):
            keys, values = block.keys_and_values(events)
            targets = block.targets(targets, keys, values, to_candidates)
            if depth + 1 < self.num_layers:
                events = block.events(events, keys, values, among_events)
        vectors = self.output_projection(self.output_norm(targets))
        exists = (to_candidates.lengths > 0)[:, None]
        vectors = ops.where(exists, vectors, ops.cast(self.null_vector, vectors.dtype))
        return self.encoded(vectors)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "max_events": self.max_events,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
        }


class _AmongEvents:
    """Where every pair of events of a row stands to each other; the same for all layers."""

    def __init__(self, history: Rows, tiles: Tiles, time: Any, most_tiles: int):
        self.pairs: TilePairs = pair_tiles(tiles.splits, count(tiles.row), most_tiles, causal=True)
        self.valid = tiles.valid
        self.tiles_apart = self.pairs.query - self.pairs.key
        self.distances = _tile_distances(tiles.valid.shape[1], most_tiles)
        position = tiles.index - take(history.splits, tiles.row)[:, None]
        self.num_keys = ops.cast(ops.maximum(position, 0) + 1, "float32")  # unused tiles have no position
        self.time_buckets = None
        if time is not None:
            time = take(time, tiles.index)
            apart = self.pairs.of_queries(time)[:, :, None] - self.pairs.of_keys(time)[:, None, :]
            self.time_buckets = _octave(ops.abs(apart))

    def bias(self, position_bias: Any, time_bias: Any) -> Any:
        """Returns float32 [P, T, T], query by key, of one layer's tables."""
        by_distance = look_up(position_bias, _position_bucket(np.maximum(self.distances, 0)))
        blocks = _toeplitz(ops.where(self.distances < 0, _FUTURE, by_distance))
        bias = take(blocks, self.tiles_apart)
        return bias if self.time_buckets is None else bias + look_up(time_bias, self.time_buckets)


class _ToCandidates:
    """Where every event stands to the candidates of its row, all of which come next, at the time of the request."""

    def __init__(self, history: Rows, tiles: Tiles, time: Any, candidate_rows: Any, num_candidates: Any):
        self.pairs: Pairs = pair_rows(tiles.splits, candidate_rows, count(tiles.row))
        self.num_candidates = num_candidates
        self.valid = self.pairs.of_members(tiles.valid)
        lengths = row_lengths(history.splits)
        self.lengths = lengths if candidate_rows is None else take(lengths, candidate_rows)
        self.position_buckets = take(_position_bucket(np.arange(MOST_EVENTS + 1)), tiles.rank + 1)
        self.time_buckets = None if time is None else _octave(take(time, tiles.index))

    def bias(self, position_bias: Any, time_bias: Any) -> Any:
        """Returns float32 [P, T] of one layer's tables."""
        bias = look_up(position_bias, self.position_buckets)
        if self.time_buckets is not None:
            bias += look_up(time_bias, self.time_buckets)
        return self.pairs.of_members(bias)

    def own_bias(self, position_bias: Any, time_bias: Any) -> Any:
        """Returns the bias of a candidate towards itself, a scalar: no position and no time apart."""
        return position_bias[0] if self.time_buckets is None else position_bias[0] + time_bias[0]


def _octave(seconds: Any) -> Any:
    """Returns 0 for 0 and 1 + ⌊log2⌋ of whole seconds; the half keeps powers of two on their side of the edge."""
    return 1 + ops.cast(ops.floor(ops.log2(ops.cast(seconds, "float32") + 0.5)), "int32")


def _position_bucket(distance: np.ndarray) -> Any:
    return ops.convert_to_tensor(np.digitize(distance, _POSITIONS), dtype="int32")


def _tile_distances(width: int, most_tiles: int) -> np.ndarray:
    """Returns for tiles d apart the distances of query i and key j by (j − i) mod 2T, int [most tiles, 2T]."""
    key_ahead = np.concatenate([np.arange(width), np.arange(-width, 0)])
    return width * np.arange(most_tiles)[:, None] - key_ahead


def _toeplitz(by_difference: Any) -> Any:
    """Lays values by (j − i) mod 2T out as matrices: [D, 2T] → [D, T, T], without look-ups."""
    depth, period = by_difference.shape
    width = period // 2
    flat = ops.reshape(ops.tile(by_difference, (1, width)), (depth, -1))[:, :-width]
    return ops.reshape(flat, (depth, width, period - 1))[:, :, :width]


@keras.saving.register_keras_serializable("mos_tf")
class _Block(keras.layers.Layer):
    """One HSTU layer: a step for the events in tiles, and one for the candidates with the same weights."""

    def __init__(self, num_heads: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def build(self, tiled_shape: Shape) -> None:
        dim = tiled_shape[-1]
        self.input_norm = self._norm(dim, "input_norm")
        self.attention_norm = self._norm(dim, "attention_norm")
        # W_1 in halves: the last layer needs keys and values only of its events.
        self.gate_query = self._dense(2 * dim, dim, "gate_query", activation="silu", use_bias=False)
        self.value_key = self._dense(2 * dim, dim, "value_key", activation="silu", use_bias=False)
        self.gated = self._dense(dim, dim, "gated")
        self.position_bias = self.add_weight(shape=(_POSITION_BUCKETS,), initializer="zeros", name="position_bias")
        self.time_bias = self.add_weight(shape=(_TIME_BUCKETS,), initializer="zeros", name="time_bias")
        self.built = True

    def _norm(self, dim: int, name: str) -> keras.layers.LayerNormalization:
        layer = keras.layers.LayerNormalization(center=False, scale=False, name=name, dtype=self.dtype_policy)
        layer.build((None, None, dim))
        return layer

    def _dense(self, units: int, input_dim: int, name: str, **options: Any) -> keras.layers.Dense:
        layer = keras.layers.Dense(units, name=name, dtype=self.dtype_policy, **options)
        layer.build((None, None, input_dim))
        return layer

    def keys_and_values(self, events: Any) -> tuple[Any, Any]:
        """Returns the events' keys and values, [B, T, dim] → two of [B, H, T, d]."""
        values, keys = ops.split(self.value_key(self.input_norm(events)), 2, axis=-1)
        return split_heads(keys, self.num_heads), split_heads(values, self.num_heads)

    def events(self, events: Any, keys: Any, values: Any, among: _AmongEvents) -> Any:
        """Returns the events' next states, [B, T, dim]."""
        gate, queries = ops.split(self.gate_query(self.input_norm(events)), 2, axis=-1)
        bias = among.bias(*self._biases())
        sums = silu_attention(split_heads(queries, self.num_heads), keys, values, bias, among.valid, among.pairs)
        return self._update(events, gate, merge_heads(sums) / among.num_keys[..., None])

    def targets(self, targets: Any, keys: Any, values: Any, to: _ToCandidates) -> Any:
        """Returns the candidates' next states, [M, dim]."""
        normed = self.input_norm(targets)
        gate, queries = ops.split(self.gate_query(normed), 2, axis=-1)
        own_values, own_keys = ops.split(self.value_key(normed), 2, axis=-1)
        queries, own_keys, own_values = (self._heads(x) for x in (queries, own_keys, own_values))
        scores = ops.matmul(to.pairs.of_members(keys), to.pairs.of_candidates(queries)[..., None])[..., 0]
        weights = ops.silu(ops.cast(scores, "float32") + to.bias(*self._biases())[:, None])
        weights = ops.where(to.valid[:, None], weights, 0.0)
        sums = ops.matmul(ops.cast(weights, values.dtype)[:, :, None], to.pairs.of_members(values))[:, :, 0]
        sums = segment_sum(ops.cast(sums, "float32"), to.pairs.candidate, to.num_candidates)
        own = ops.sum(ops.cast(queries * own_keys, "float32"), axis=-1) + to.own_bias(*self._biases())
        sums += ops.silu(own)[..., None] * ops.cast(own_values, "float32")
        num_keys = ops.cast(to.lengths + 1, "float32")[:, None]
        return self._update(targets, gate, ops.reshape(sums, (-1, targets.shape[-1])) / num_keys)

    def _heads(self, flat: Any) -> Any:
        return ops.reshape(flat, (-1, self.num_heads, flat.shape[-1] // self.num_heads))

    def _biases(self) -> tuple[Any, Any]:
        return ops.cast(self.position_bias, "float32"), ops.cast(self.time_bias, "float32")

    def _update(self, x: Any, gate: Any, attention: Any) -> Any:
        return x + self.gated(ops.cast(self.attention_norm(attention), x.dtype) * gate)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_heads": self.num_heads}
