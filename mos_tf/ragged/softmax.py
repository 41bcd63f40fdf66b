"""Softmax over segments of any length, with a null key so that an empty segment is no special case."""

from typing import Any, NamedTuple

from keras import ops

from mos_tf.ragged.backend import segment_sum, spread

_LOWEST = -1e30  # exp of it is 0, and a difference of two such scores is still finite in float32


class NullSoftmax(NamedTuple):
    """What a softmax with a null key gives, and what it would otherwise normalise away.

    Attributes:
        weights: [P, T, H], weight of each scored value within its segment.
        null_weight: [S, H], weight of the null key: 1 for an empty segment.
        logsumexp: [S, H], log of the summed evidence, the null key's included, so it is always finite.
    """

    weights: Any
    null_weight: Any
    logsumexp: Any


def null_softmax(scores: Any, valid: Any, segments: Any, num_segments: Any, null_score: Any) -> NullSoftmax:
    """Normalises scores within segments, each of which also holds one null key.

        w_p = exp(s_p) / (exp(s_0) + Σ_{q in segment(p)} exp(s_q))

    Args:
        scores: float32 [P, T, H], in tiles.
        valid: bool [P, T], which of them exist.
        segments: int [P], the segment of each tile, ascending.
        num_segments: S.
        null_score: float [H], s_0.
    """
    scores = ops.where(valid[..., None], scores, _LOWEST)
    peak = ops.segment_max(ops.max(scores, axis=1, initial=_LOWEST), segments, num_segments=num_segments)
    peak = ops.stop_gradient(ops.maximum(peak, null_score))
    exponentials = ops.exp(scores - spread(peak, segments)[:, None])
    null_exponentials = ops.exp(null_score - peak)
    total = segment_sum(ops.sum(exponentials, axis=1), segments, num_segments) + null_exponentials
    return NullSoftmax(
        weights=exponentials / spread(total, segments)[:, None],
        null_weight=null_exponentials / total,
        logsumexp=ops.log(total) + peak,
    )
