"""`SDIM`: target attention by hash collisions, with no dot product between events and candidates."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mos_tf.encoders.arguments import positive
from mos_tf.encoders.base import Encoded, SequenceEncoder, Shape
from mos_tf.ragged import Rows, Tiles, tile_rows
from mos_tf.ragged.backend import count, segment_sum, spread, take, weigh

_TILE = 64  # events: each tile is summed to as many numbers as 16 events have, or 128 with several candidates
_LEAST = 1e-12  # of a squared length; `ops.normalize` lets JAX divide 0 by 0 in the gradient of an empty bucket


@keras.saving.register_keras_serializable("mos_tf")
class SDIM(SequenceEncoder):
    """Sampling-based Deep Interest Modeling: a candidate sums the events whose hash signatures equal its own.

        σ_g(x) = [x · r_{g,1} > 0, …, x · r_{g,τ} > 0]                 signature of x in group g, of m / τ groups
        s_cg   = Σ_{t : σ_g(x_t) = σ_g(v_c)} x_t                       what fell into the candidate's bucket
        h_c    = V (τ/m) Σ_g s_cg / |s_cg| + (share of empty buckets) n

    The r are fixed random hyperplanes (SimHash), so two vectors at angle θ share a bucket with probability
    (1 − θ/π)^τ: the groups sample an attention that decays with the angle. Gradients reach the events through the sums.

    Two additions to the paper: a learned value projection V, which by linearity is applied once a candidate and never
    to an event, and a learned null vector n in place of every empty bucket, so an empty history gives n.

    With one candidate a row only the candidate's own bucket of each group is summed. Otherwise each row's buckets are
    summed once, and a further candidate costs m / τ look-ups, whatever the length of the history.

    Args:
        num_hashes: m, number of hyperplanes, a multiple of `signature_bits`.
        signature_bits: τ, bits of one signature: more bits, narrower buckets.
        seed: of the hyperplanes, which are saved with the model.
        output_dim: width of the result; default the history's.

    Raises:
        ValueError: a number of hashes that the signatures do not divide, or candidates of another width than events:
            both are hashed by the same hyperplanes.

    References:
        Cao et al., "Sampling Is All You Need on Modeling Long-Term User Behaviors for CTR Prediction", CIKM 2022.

    Example:

    >>> import tensorflow as tf
    >>> history = tf.RaggedTensor.from_row_lengths(tf.random.normal([5, 8]), [5, 0])
    >>> SDIM()(history, tf.random.normal([2, 8])).shape
    TensorShape([2, 8])
    """

    evidence_dim = 1

    def __init__(
        self,
        num_hashes: int = 48,
        signature_bits: int = 3,
        seed: int = 0,
        output_dim: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(output_dim=output_dim, **kwargs)
        positive(self, num_hashes=num_hashes, signature_bits=signature_bits, output_dim=output_dim)
        if num_hashes % signature_bits:
            raise ValueError(
                "SDIM's hashes form signatures of equal width. "
                f"Received: num_hashes={num_hashes}, signature_bits={signature_bits}; make the first a multiple"
            )
        self.num_hashes = num_hashes
        self.signature_bits = signature_bits
        self.seed = seed
        self.num_groups = num_hashes // signature_bits

    def build(self, history_shape: Shape, candidates_shape: Shape) -> None:
        super().build(history_shape, candidates_shape)
        dim = history_shape[-1]
        if candidates_shape[-1] != dim:
            raise ValueError(
                "SDIM hashes events and candidates alike, so they have one width. "
                f"Received: events of {dim}, candidates of {candidates_shape[-1]}; project one to the other"
            )
        self.hyperplanes = self.add_weight(
            shape=(dim, self.num_hashes),
            initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
            trainable=False,
            name="hyperplanes",
        )
        self.value = keras.layers.Dense(self.output_dim, use_bias=False, name="value", dtype=self.dtype_policy)
        self.value.build((None, dim))
        self.null_value = self.add_weight(shape=(self.output_dim,), initializer="zeros", name="null_value")

    def encode(self, history: Rows, candidates: Any, candidate_rows: Any = None, time: Any = None) -> Encoded:
        tiles = tile_rows(history, _TILE)
        events = tiles.cut(history.values)
        signatures, wanted = self._signatures(events), self._signatures(candidates)
        if candidate_rows is None:
            members = signatures == spread(wanted, tiles.row)[:, None]
            directions, counts = _buckets(events, members, tiles, count(candidates))
        else:
            num_codes = 2**self.signature_bits
            members = signatures[..., None] == ops.arange(num_codes, dtype="float32")
            members = ops.reshape(members, (*ops.shape(members)[:2], self.num_groups * num_codes))
            directions, counts = _buckets(events, members, tiles, history.num_rows)
            index = candidate_rows.dtype
            group = candidate_rows[:, None] * self.num_groups + ops.arange(self.num_groups, dtype=index)
            bucket = group * num_codes + ops.cast(wanted, index)
            directions = take(ops.reshape(directions, (-1, directions.shape[-1])), bucket)
            counts = take(ops.reshape(counts, (-1,)), bucket)
        vectors = self.value(ops.cast(ops.mean(directions, axis=1), self.compute_dtype))
        empty = ops.mean(ops.cast(counts == 0, vectors.dtype), axis=1, keepdims=True)
        evidence = ops.log1p(ops.mean(counts, axis=1, keepdims=True))
        return Encoded(vectors + empty * self.null_value, ops.cast(evidence, vectors.dtype))

    def _signatures(self, values: Any) -> Any:
        """[..., dim] → [..., groups], each group's bits as one number, in float32: matmul packs them fastest."""
        packing = np.kron(np.eye(self.num_groups), 2 ** np.arange(self.signature_bits)[:, None])
        bits = ops.cast(ops.matmul(values, self.hyperplanes) > 0, "float32")
        return ops.matmul(bits, ops.convert_to_tensor(packing, dtype="float32"))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_hashes": self.num_hashes,
            "signature_bits": self.signature_bits,
            "seed": self.seed,
        }


def _buckets(events: Any, members: Any, tiles: Tiles, num_rows: Any) -> tuple[Any, Any]:
    """Sums each row's events by bucket.

    Args:
        events: [B, T, dim].
        members: bool [B, T, buckets], whether the event is in the bucket.
        tiles: of the events.
        num_rows: R.

    Returns:
        float32 [R, buckets, dim], the sums' directions, 0 for an empty bucket, and [R, buckets], numbers of events.
    """
    members = ops.cast(members & tiles.valid[..., None], events.dtype)
    sums = ops.cast(weigh(members, events), "float32")
    sums = segment_sum(sums, tiles.row, num_rows)
    counts = ops.sum(ops.cast(members, "float32"), axis=1)
    counts = segment_sum(counts, tiles.row, num_rows)
    squares = ops.sum(ops.square(sums), axis=-1, keepdims=True)
    return sums * ops.rsqrt(ops.maximum(squares, _LEAST)), counts
