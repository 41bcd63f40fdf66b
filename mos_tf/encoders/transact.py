"""`TransAct`: a transformer over events that each carry the candidate."""

from typing import Any

import keras
from keras import ops

from mos_tf.encoders.arguments import positive
from mos_tf.encoders.base import Encoded, Shape
from mos_tf.encoders.joint import JointEncoder
from mos_tf.ragged import Pairs, Rows, last_events, pair_rows, row_lengths, splits_of, tile_rows
from mos_tf.ragged.backend import count, take, take_once
from mos_tf.ragged.limit import refuse_longer
from mos_tf.ragged.tile_attention import (
    MOST_EVENTS,
    TilePairs,
    checked_window,
    merge_heads,
    pair_tiles,
    quadratic_tiles,
    softmax_attention,
    split_heads,
)

_LOWEST = -1e30
_WIDEST_TILE = 128  # measured: at 64 full rows are a seventh slower, log-normal ones about the same


@keras.saving.register_keras_serializable("mos_tf")
class TransAct(JointEncoder):
    """Early fusion: the candidate is concatenated to every recent event before a transformer encoder reads them.

        x_t = [e_t, v_c]
        x ← LN(x + Attention(x)),   x ← LN(x + W_2 ReLU(W_1 x + b_1) + b_2)             `num_layers` times
        h_c = W [x_L, x_{L−1}, …, x_{L−K+1}, max_t x_t] + b

    Every candidate has a transformer of its own over its row, so cost is Σ_c L_c²: no padding to the longest row, but
    quadratic all the same. As in the paper, events have no position (it found none to help): the order enters through
    the K most recent outputs. Its random time-window mask of training is left out. Where a row has fewer than K
    events, zeros stand in; an empty one gives a learned null vector. The result knows the candidate already, so it is
    evidence, too: a ranker reads it as it is, as the paper's does, not only multiplied by the candidate.

    Args:
        max_events: the window, the most recent events that are encoded; None: all of them.
        num_layers: transformer layers.
        num_heads: attention heads, which divide twice the width of an event.
        feed_forward: width of the feed-forward layers.
        num_recent: K; the paper's is 10. One is cheaper and learns sooner where there is little to learn from.
        output_dim: width of the result; default the history's.
        **kwargs: of `JointEncoder`.

    Raises:
        ValueError: a window beyond the limit of quadratic layers, heads that do not divide the width; on JAX, a longer
            row than the limit (4096 events) with `max_events=None`.
        tensorflow.errors.InvalidArgumentError: the same on TensorFlow, when it runs.

    References:
        Xia et al., "TransAct: Transformer-based Realtime User Action Model for Recommendation at Pinterest", KDD 2023.

    Example:

    >>> import tensorflow as tf
    >>> history = tf.RaggedTensor.from_row_lengths(tf.random.normal([5, 8]), [5, 0])
    >>> TransAct()(history, tf.random.normal([2, 8])).shape
    TensorShape([2, 8])
    """

    def __init__(
        self,
        max_events: int | None = 100,
        num_layers: int = 2,
        num_heads: int = 1,
        feed_forward: int = 32,
        num_recent: int = 10,
        output_dim: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(output_dim=output_dim, **kwargs)
        positive(
            self,
            num_layers=num_layers,
            num_heads=num_heads,
            feed_forward=feed_forward,
            num_recent=num_recent,
            output_dim=output_dim,
        )
        self.max_events = checked_window(max_events)
        self.num_layers = num_layers
        self.num_heads = num_heads
        self.feed_forward = feed_forward
        self.num_recent = num_recent

    def build(self, history_shape: Shape, candidates_shape: Shape) -> None:
        super().build(history_shape, candidates_shape)
        width = history_shape[-1] + candidates_shape[-1]
        if width % self.num_heads:
            raise ValueError(
                "TransAct's heads share an event and a candidate evenly. "
                f"Received: width={width}, num_heads={self.num_heads}"
            )
        self.blocks = [
            _Block(self.num_heads, self.feed_forward, name=f"block_{n}", dtype=self.dtype_policy)
            for n in range(self.num_layers)
        ]
        for block in self.blocks:
            block.build((None, None, width))
        self.output_projection = keras.layers.Dense(self.output_dim, name="output", dtype=self.dtype_policy)
        self.output_projection.build((None, (self.num_recent + 1) * width))
        self.null_vector = self.add_weight(shape=(self.output_dim,), initializer="zeros", name="null_vector")

    def encode(self, history: Rows, candidates: Any, candidate_rows: Any = None, time: Any = None) -> Encoded:
        if self.max_events is not None:
            history = last_events(history, self.max_events).rows(history.values)
        most_events = self.max_events or MOST_EVENTS
        history = Rows(history.values, refuse_longer(history.splits, most_events))
        width, most_tiles = quadratic_tiles(most_events, _WIDEST_TILE)
        tiles = tile_rows(history, width)
        # From here on each candidate has a sequence of its own: the tiles of its row.
        pairs = pair_rows(tiles.splits, candidate_rows, count(tiles.row))
        lengths, num_tiles = row_lengths(history.splits), row_lengths(tiles.splits)
        if candidate_rows is not None:
            lengths, num_tiles = take(lengths, candidate_rows), take(num_tiles, candidate_rows)
        splits = splits_of(num_tiles)
        valid, rank = pairs.of_members(tiles.valid), pairs.of_members(tiles.rank)
        fused = _fuse(pairs.of_members(tiles.cut(history.values)), pairs.of_candidates(candidates))
        tile_pairs = pair_tiles(splits, count(valid), most_tiles)
        for block in self.blocks:
            fused = block.encode(fused, valid, tile_pairs)
        recent = self._most_recent(fused, splits, lengths, pairs, valid, rank)
        peak = _max_pool(fused, valid, pairs, count(candidates))
        exists = (lengths > 0)[:, None]
        vectors = self.output_projection(ops.concatenate([recent, ops.where(exists, peak, 0.0)], axis=1))
        vectors = ops.where(exists, vectors, ops.cast(self.null_vector, vectors.dtype))
        return self.encoded(vectors)

    def _most_recent(self, fused: Any, splits: Any, lengths: Any, pairs: Pairs, valid: Any, rank: Any) -> Any:
        """Returns each candidate's last K outputs, latest first, zeros where there are fewer: [M, K · width]."""
        tile, width = fused.shape[1:]
        padded = ops.pad(ops.reshape(fused, (-1, width)), [[0, 1], [0, 0]])
        position = lengths[:, None] - 1 - ops.arange(self.num_recent, dtype=lengths.dtype)
        index = ops.where(position >= 0, splits[:-1, None] * tile + position, count(padded) - 1)
        taken = pairs.candidate[:, None] * self.num_recent + rank
        inverse = ops.reshape(ops.where(valid & (rank < self.num_recent), taken, -1), (-1,))
        recent = take_once(padded, index, ops.pad(inverse, [[0, 1]], constant_values=-1))
        return ops.reshape(recent, (-1, self.num_recent * width))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "max_events": self.max_events,
            "num_layers": self.num_layers,
            "num_heads": self.num_heads,
            "feed_forward": self.feed_forward,
            "num_recent": self.num_recent,
        }


def _fuse(events: Any, candidates: Any) -> Any:
    """Concatenates [P, dim] candidates to each of [P, T, dim] events."""
    shape = (*ops.shape(events)[:2], candidates.shape[-1])
    return ops.concatenate([events, ops.broadcast_to(candidates[:, None], shape)], axis=2)


def _max_pool(tiled: Any, valid: Any, pairs: Pairs, num_candidates: Any) -> Any:
    """Returns each candidate's greatest outputs over its events, [M, width]."""
    lowest = ops.where(valid[..., None], ops.cast(tiled, "float32"), _LOWEST)
    peak = ops.segment_max(ops.max(lowest, axis=1, initial=_LOWEST), pairs.candidate, num_segments=num_candidates)
    return ops.cast(peak, tiled.dtype)


@keras.saving.register_keras_serializable("mos_tf")
class _Block(keras.layers.Layer):
    """One transformer encoder layer, normalised after each of its halves, on tiles."""

    def __init__(self, num_heads: int, feed_forward: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.feed_forward = feed_forward

    def build(self, tiled_shape: Shape) -> None:
        width = tiled_shape[-1]
        # Biases of keys cancel in the softmax, those of values would be the output's.
        self.queries_keys_values = self._dense(3 * width, width, "queries_keys_values", use_bias=False)
        self.attended = self._dense(width, width, "attended")
        self.hidden = self._dense(self.feed_forward, width, "hidden", activation="relu")
        self.fed_forward = self._dense(width, self.feed_forward, "fed_forward")
        self.attention_norm = keras.layers.LayerNormalization(name="attention_norm", dtype=self.dtype_policy)
        self.feed_forward_norm = keras.layers.LayerNormalization(name="feed_forward_norm", dtype=self.dtype_policy)
        for norm in (self.attention_norm, self.feed_forward_norm):
            norm.build((None, None, width))
        self.built = True

    def _dense(self, units: int, input_dim: int, name: str, **options: Any) -> keras.layers.Dense:
        layer = keras.layers.Dense(units, name=name, dtype=self.dtype_policy, **options)
        layer.build((None, None, input_dim))
        return layer

    def encode(self, tiled: Any, valid: Any, pairs: TilePairs) -> Any:
        """Returns the next states of [B, T, width] events in tiles."""
        projected = ops.split(self.queries_keys_values(tiled), 3, axis=-1)
        queries, keys, values = (split_heads(x, self.num_heads) for x in projected)
        attention = merge_heads(ops.cast(softmax_attention(queries, keys, values, valid, pairs), tiled.dtype))
        tiled = self.attention_norm(tiled + self.attended(attention))
        return self.feed_forward_norm(tiled + self.fed_forward(self.hidden(tiled)))

    def get_config(self) -> dict:
        return {**super().get_config(), "num_heads": self.num_heads, "feed_forward": self.feed_forward}
