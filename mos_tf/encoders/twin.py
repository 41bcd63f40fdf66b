"""`TWIN`: target attention over the events that the attention itself finds most relevant in a lifelong history."""

from typing import Any

import keras
from keras import ops

from mos_tf.encoders.arguments import positive
from mos_tf.encoders.base import Encoded, SequenceEncoder, Shape
from mos_tf.encoders.heads import kernel_by_head, over_slices, values_of_heads
from mos_tf.ragged import Pairs, Rows, Tiles, keep, null_softmax, pair_rows, row_lengths, splits_of, tile_rows
from mos_tf.ragged.backend import count, segment_sum, spread, stable_argsort, take, weigh
from mos_tf.ragged.tournament import ABSENT, best_scores

_DAY = 86400.0  # seconds
_BLOCK = 8  # candidates of one row that are scored together: more share an event's look-up, fewer waste less


@keras.saving.register_keras_serializable("mos_tf")
class TWIN(SequenceEncoder):
    """TWo-stage Interest Network: one relevance both searches the whole history and attends to what it found.

        a_tch = (K_h x_t) · (Q_h v_c) / √width − β_h log(1 + rank_t) − γ_h log(1 + days_t)
        S_c   = the k events with the highest max_h (a_tch − a_0h)                      general search unit
        h_c   = [V_h (Σ_{t ∈ S_c} w_tch x_t) + w_0ch n_h]                               exact search unit

    with w the softmax of a over S_c and a null key of score a_0, whose value n is what an empty history gives. Both
    stages score alike, so the search misses nothing that attention would have weighed (the paper's consistency); an
    event is as relevant as it is to the head that it speaks to most. Selecting is not differentiated, the scores of the
    selected are. The side bias discounts old events, by rank from the end and, where times are given, by age.

    Keys, queries and values are linear, so none is computed per event: K_hᵀ Q_h v_c meets the events as they are, and
    V_h the sum of them. The paper's output projection is left to the layer that follows.

    Args:
        num_selected: k, events that a candidate attends to.
        num_heads: heads, each with its own relevance over its own slice of the values.
        output_dim: width of the result, a multiple of `num_heads`; default the history's.

    Raises:
        ValueError: an output width that the heads do not divide, or nothing to select.

    References:
        Chang et al., "TWIN: TWo-stage Interest Network for Lifelong User Behavior Modeling in CTR Prediction at
        Kuaishou", KDD 2023.

    Example:

    >>> import tensorflow as tf
    >>> history = tf.RaggedTensor.from_row_lengths(tf.random.normal([5, 8]), [5, 0])
    >>> TWIN()(history, tf.random.normal([2, 8])).shape
    TensorShape([2, 8])
    """

    def __init__(self, num_selected: int = 50, num_heads: int = 4, output_dim: int | None = None, **kwargs: Any):
        super().__init__(output_dim=output_dim, **kwargs)
        positive(self, num_selected=num_selected, num_heads=num_heads, output_dim=output_dim)
        self.num_selected = num_selected
        self.num_heads = num_heads
        self.evidence_dim = 2 * num_heads

    def build(self, history_shape: Shape, candidates_shape: Shape) -> None:
        super().build(history_shape, candidates_shape)
        if self.output_dim % self.num_heads:
            raise ValueError(
                "TWIN's heads share the output evenly. "
                f"Received: output_dim={self.output_dim}, num_heads={self.num_heads}; make the first a multiple"
            )
        self.query = self._dense(candidates_shape[-1], "query")
        self.key = self._dense(history_shape[-1], "key")
        self.value = self._dense(history_shape[-1], "value")
        heads = (self.num_heads,)
        self.recency_slope = self.add_weight(shape=heads, initializer=_spread, name="recency_slope")
        self.age_slope = self.add_weight(shape=heads, initializer="zeros", name="age_slope")
        self.null_score = self.add_weight(shape=heads, initializer="zeros", name="null_score")
        self.null_value = self.add_weight(shape=(self.output_dim,), initializer="zeros", name="null_value")

    def _dense(self, input_dim: int, name: str) -> keras.layers.Dense:
        layer = keras.layers.Dense(self.output_dim, use_bias=False, name=name, dtype=self.dtype_policy)
        layer.build((None, input_dim))
        return layer

    def encode(self, history: Rows, candidates: Any, candidate_rows: Any = None, time: Any = None) -> Encoded:
        tiles = tile_rows(history)
        num_candidates = count(candidates)
        queries = self._queries(candidates)
        discounts = self._discounts(tiles, time)
        slots = self._search(history, tiles, discounts, queries, candidate_rows)
        selected = tile_rows(slots)
        slot = selected.cut(slots.values)
        events = take(history.values, take(ops.reshape(tiles.index, (-1,)), slot))
        scores = ops.matmul(events, ops.transpose(spread(queries, selected.row), (0, 2, 1)))
        # Softmax in float32: under mixed precision the sum of the selected would round away.
        scores = ops.cast(scores, "float32") - take(ops.reshape(discounts, (-1, self.num_heads)), slot)
        null_score = ops.cast(self.null_score, "float32")
        attention = null_softmax(scores, selected.valid, selected.row, num_candidates, null_score)
        pooled = weigh(ops.cast(attention.weights, events.dtype), events)
        pooled = segment_sum(pooled, selected.row, num_candidates)
        vectors = values_of_heads(pooled, self._kernel(self.value))
        null_weight = over_slices(attention.null_weight, self.output_dim)
        vectors += ops.cast(null_weight, vectors.dtype) * self.null_value
        evidence = ops.concatenate([attention.logsumexp, attention.null_weight], axis=1)
        return Encoded(vectors, ops.cast(evidence, vectors.dtype))

    def _kernel(self, projection: keras.layers.Dense) -> Any:
        return ops.cast(projection.kernel, self.compute_dtype)

    def _queries(self, candidates: Any) -> Any:
        """[M, dim] → [M, heads, dim of events]: what each head asks, in the space of the events."""
        query, key = (kernel_by_head(self._kernel(part), self.num_heads) for part in (self.query, self.key))
        folded = ops.matmul(query, ops.transpose(key, (0, 2, 1))) * query.shape[-1] ** -0.5
        return ops.transpose(ops.matmul(candidates[None], folded), (1, 0, 2))

    def _discounts(self, tiles: Tiles, time: Any) -> Any:
        """What old events lose in relevance, float32 [B, T, heads]."""
        recency = ops.log1p(ops.cast(tiles.rank, "float32"))[..., None] * ops.cast(self.recency_slope, "float32")
        if time is None:
            return recency
        days = tiles.cut(ops.cast(time, "float32") / _DAY)
        return recency + ops.log1p(days)[..., None] * ops.cast(self.age_slope, "float32")

    def _search(self, history: Rows, tiles: Tiles, discounts: Any, queries: Any, candidate_rows: Any) -> Rows:
        """Finds each candidate's most relevant events, as M rows of slots in the tiles, best first."""
        events, queries = ops.stop_gradient(tiles.cut(history.values)), ops.stop_gradient(queries)
        discounts = ops.stop_gradient(discounts + ops.cast(self.null_score, "float32"))
        if candidate_rows is None:
            pairs, splits = pair_rows(tiles.splits, None, count(tiles.row)), tiles.splits
            asked = queries[:, :, None]
        else:
            order = stable_argsort(candidate_rows)
            per_row = ops.segment_sum(ops.ones_like(order), candidate_rows, num_segments=history.num_rows)
            blocks = tile_rows(Rows(order, splits_of(per_row)), _BLOCK)
            pairs = pair_rows(tiles.splits, blocks.row)
            splits = splits_of(take(row_lengths(tiles.splits), blocks.row))
            asked = ops.transpose(take(queries, take(order, blocks.index)), (0, 2, 1, 3))
        relevance = _relevance(events, discounts, tiles.valid, asked, pairs)
        best, address = best_scores(relevance, splits, self.num_selected, count(history.values))
        if candidate_rows is None:
            best, address = best[:, 0], address[:, 0]
        else:
            place = stable_argsort(order)
            best, address = take(blocks.join(best), place), take(blocks.join(address), place)
        return _slots(best, address, pairs, *relevance.shape[1:])

    def get_config(self) -> dict:
        return {**super().get_config(), "num_selected": self.num_selected, "num_heads": self.num_heads}


def _spread(shape: Shape, dtype: Any = None) -> Any:
    """From no discount to a steep one, so that heads differ from the start."""
    return 0.5 * ops.arange(shape[0], dtype=dtype)


def _relevance(events: Any, discounts: Any, valid: Any, asked: Any, pairs: Pairs) -> Any:
    """Scores blocks of C candidates against tiles of T events of their row.

    Args:
        events: [B, T, dim].
        discounts: float32 [B, T, heads].
        valid: bool [B, T].
        asked: [blocks, heads, C, dim], queries.
        pairs: P pairs of a tile and a block.

    Returns:
        float32 [P, C, T], the largest over the heads; `ABSENT` where there is no event.
    """
    _, heads, lanes, dim = asked.shape
    kernels = ops.reshape(asked, (-1, heads * lanes, dim))
    # Events in the last axis: what follows then runs along memory.
    scores = ops.einsum("pqd,ptd->pqt", pairs.of_candidates(kernels), pairs.of_members(events))
    scores = ops.reshape(ops.cast(scores, "float32"), (-1, heads, lanes, events.shape[1]))
    discounts = pairs.of_members(ops.transpose(discounts, (0, 2, 1)))
    relevance = ops.max(scores - discounts[:, :, None], axis=1, initial=ABSENT)
    return ops.where(pairs.of_members(valid)[:, None], relevance, ABSENT)


def _slots(best: Any, address: Any, pairs: Pairs, lanes: int, width: int) -> Rows:
    """Turns addresses [M, k] in the relevance [P, lanes, width] into M rows of slots, without those of no event."""
    num_candidates, k = count(best), best.shape[1]
    rows = Rows(ops.reshape(address, (-1,)), ops.arange(num_candidates + 1, dtype=address.dtype) * k)
    found = keep(rows, ops.reshape(best > ABSENT, (-1,))).rows(rows.values)
    pair = found.values // (lanes * width)
    tile = pair if pairs.member is None else take(pairs.member, pair)
    return Rows(tile * width + found.values % width, found.splits)
