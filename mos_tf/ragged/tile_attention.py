"""Attention of the events of a row to each other, by pairs of tiles: quadratic in each row, never in the longest."""

from typing import Any, NamedTuple

from keras import ops

from mos_tf.ragged.backend import bound, count, repeat, segment_sum, spread, take
from mos_tf.ragged.rows import row_ids, row_lengths

MOST_EVENTS = 4096  # a quadratic layer's limit for one row: 4096² scores are 64 MiB a head and layer
_LOWEST = -1e30


class TilePairs(NamedTuple):
    """P pairs of a query tile and a key tile of the same row, query after query.

    Attributes:
        query: int [P], index of the query tile, ascending; B, so that sums drop it, where a pair does not exist (on
            JAX, where sizes are static).
        key: int [P], index of the key tile.
        num_tiles: B.
    """

    query: Any
    key: Any
    num_tiles: Any

    def of_queries(self, tiled: Any) -> Any:
        """Returns the query tile's values of each pair: [B, ...] → [P, ...]."""
        return spread(tiled, self.query)

    def of_keys(self, tiled: Any) -> Any:
        """Returns the key tile's values of each pair: [B, ...] → [P, ...]."""
        return take(tiled, self.key)

    def sum(self, values: Any) -> Any:
        """Sums each query tile's pairs: [P, ...] → float32 [B, ...]."""
        return segment_sum(ops.cast(values, "float32"), self.query, self.num_tiles)


def checked_window(max_events: int | None) -> int | None:
    """Returns how many last events a quadratic layer is to encode, None for all; ValueError where too many."""
    if max_events is not None and not 1 <= max_events <= MOST_EVENTS:
        raise ValueError(f"A quadratic layer's window has 1 to {MOST_EVENTS} events. Received: {max_events=}")
    return max_events


def quadratic_tiles(most_events: int, widest: int) -> tuple[int, int]:
    """Returns the width of tile that suits quadratic layers on rows of at most `most_events`, and how many they have.

    Wider tiles waste more on short rows, narrower ones need more look-ups of tiles; full rows divide evenly.

    Example:

    >>> quadratic_tiles(4096, widest=64), quadratic_tiles(100, widest=64)
    ((64, 64), (50, 2))
    """
    most_tiles = -(-most_events // widest)
    return -(-most_events // most_tiles), most_tiles


def pair_tiles(splits: Any, num_tiles: Any, most_tiles: int, *, causal: bool = False) -> TilePairs:
    """Pairs the tiles of each row with each other: ceil(L / T)² pairs for a row of L events.

    Args:
        splits: int [R + 1], the tiles of each row.
        num_tiles: B, which exceeds the last split where some tiles are unused.
        most_tiles: of a row; bounds the number of pairs where sizes are static.
        causal: leave out the key tiles behind the query's; within a tile, causality is the caller's.

    Example:

    >>> import tensorflow as tf
    >>> pairs = pair_tiles(tf.constant([0, 2, 3], tf.int64), 3, most_tiles=2, causal=True)
    >>> pairs.query.numpy().tolist(), pairs.key.numpy().tolist()
    ([0, 1, 1, 2], [0, 0, 1, 2])
    """
    tile = ops.arange(num_tiles, dtype=splits.dtype)
    row = row_ids(splits, num_tiles)
    first = take(splits, row)
    keys = tile - first + 1 if causal else take(row_lengths(splits), row)
    keys = ops.where(tile < splits[-1], keys, 0)
    num_pairs = ops.sum(keys)
    query = repeat(tile, keys, bound(num_pairs, num_tiles * most_tiles))
    number = ops.arange(count(query), dtype=splits.dtype)
    key = number + take(first - (ops.cumsum(keys) - keys), query)
    exists = number < num_pairs
    return TilePairs(ops.where(exists, query, num_tiles), ops.where(exists, key, 0), num_tiles)


def softmax_attention(queries: Any, keys: Any, values: Any, valid: Any, pairs: TilePairs) -> Any:
    """Scaled dot-product attention of every event to all events of its row.

        y_i = Σ_j softmax_j(q_i · k_j / √d) v_j

    Slots without an event are left out of the sums by their values and a last column of ones, which sums the weights;
    masking the scores would cost passes over [P, H, T, T]. Their scores may only raise the peak, by which the sums are
    scaled: as tiles repeat an event of the row there, it is a real one.

    Args:
        queries: float [B, H, T, d].
        keys: float [B, H, T, d].
        values: float [B, H, T, d].
        valid: bool [B, T], which slots hold an event.
        pairs: the pairs of the B tiles.

    Returns:
        float32 [B, H, T, d]; finite, without meaning, in slots without an event.
    """
    scores = _scores(queries * queries.shape[-1] ** -0.5, keys, pairs)
    peak = ops.max(ops.stop_gradient(scores), axis=-1, initial=_LOWEST)
    peak = ops.segment_max(peak, pairs.query, num_segments=pairs.num_tiles)
    # Pairs that do not exist read the row behind the last tile: weight 0, where a foreign peak might overflow.
    peak = pairs.of_queries(ops.pad(peak, [[0, 1], [0, 0], [0, 0]], constant_values=-_LOWEST))
    weights = ops.exp(scores - ops.stop_gradient(peak)[..., None])
    sums = _weigh(weights, ops.concatenate([values, ops.ones_like(values[..., :1])], axis=-1), valid, pairs)
    total = sums[..., -1:]
    return sums[..., :-1] / ops.where(total > 0, total, 1.0)


def silu_attention(queries: Any, keys: Any, values: Any, bias: Any, valid: Any, pairs: TilePairs) -> Any:
    """Pointwise attention: every pair of events has a weight of its own, nothing is normalised.

        y_i = Σ_j SiLU(q_i · k_j + b_ij) v_j

    Args:
        queries: float [B, H, T, d].
        keys: float [B, H, T, d].
        values: float [B, H, T, d].
        bias: float32 [P, T, T], query by key, for all heads; very negative where a query may not see a key.
        valid: bool [B, T], which slots hold an event.
        pairs: the pairs of the B tiles.

    Returns:
        float32 [B, H, T, d]; finite, without meaning, in slots without an event.
    """
    return _weigh(ops.silu(_scores(queries, keys, pairs) + bias[:, None]), values, valid, pairs)


def _scores(queries: Any, keys: Any, pairs: TilePairs) -> Any:
    """Returns float32 [P, H, T, T]: in half precision a long row's sums would overflow or round away."""
    keys = ops.transpose(keys, (0, 1, 3, 2))  # once a tile, not once a pair
    return ops.cast(ops.matmul(pairs.of_queries(queries), pairs.of_keys(keys)), "float32")


def _weigh(weights: Any, values: Any, valid: Any, pairs: TilePairs) -> Any:
    """Sums the values of existing events by weight, float32 [B, H, T, d]."""
    values = pairs.of_keys(ops.where(valid[:, None, :, None], values, 0.0))
    return pairs.sum(ops.matmul(ops.cast(weights, values.dtype), values))


def split_heads(tiled: Any, num_heads: int) -> Any:
    """Returns [B, T, H · d] as [B, H, T, d]."""
    width = tiled.shape[-1] // num_heads
    return ops.transpose(ops.reshape(tiled, (-1, tiled.shape[1], num_heads, width)), (0, 2, 1, 3))


def merge_heads(heads: Any) -> Any:
    """Returns [B, H, T, d] as [B, T, H · d]."""
    _, num_heads, length, width = heads.shape
    return ops.reshape(ops.transpose(heads, (0, 2, 1, 3)), (-1, length, num_heads * width))
