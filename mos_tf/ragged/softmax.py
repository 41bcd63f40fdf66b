"""Softmax over segments of any length, with a null key so that an empty segment is no special case."""

from typing import NamedTuple

import tensorflow as tf


class NullSoftmax(NamedTuple):
    """What a softmax with a null key gives, and what it would otherwise normalise away.

    Attributes:
        weights: [P, H], weight of each scored value within its segment.
        null_weight: [S, H], weight of the null key: 1 for an empty segment.
        logsumexp: [S, H], log of the summed evidence, the null key's included, so it is always finite.
    """

    weights: tf.Tensor
    null_weight: tf.Tensor
    logsumexp: tf.Tensor


def null_softmax(scores: tf.Tensor, segments: tf.Tensor, num_segments: tf.Tensor, null_score: tf.Tensor) -> NullSoftmax:
    """Normalises scores within segments, each of which also holds one null key.

        w_p = exp(s_p) / (exp(s_0) + Σ_{q in segment(p)} exp(s_q))

    Args:
        scores: float [P, H].
        segments: int64 [P], the segment of each score, in any order.
        num_segments: S.
        null_score: float [H], s_0.
    """
    null = tf.broadcast_to(null_score, [num_segments, tf.shape(scores, out_type=tf.int64)[1]])
    # An empty segment's maximum is the dtype's lowest number, so the null key's own score takes over.
    peak = tf.stop_gradient(tf.maximum(tf.math.unsorted_segment_max(scores, segments, num_segments), null))
    exponentials = tf.exp(scores - tf.gather(peak, segments))
    null_exponentials = tf.exp(null - peak)
    total = tf.math.unsorted_segment_sum(exponentials, segments, num_segments) + null_exponentials
    return NullSoftmax(
        weights=exponentials / tf.gather(total, segments),
        null_weight=null_exponentials / total,
        logsumexp=tf.math.log(total) + peak,
    )
