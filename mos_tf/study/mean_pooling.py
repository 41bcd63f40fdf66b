"""`MeanPooling`: the history as the mean of its events, the plainest encoder there is."""

from typing import Any

import keras
from keras import ops

from mos_tf.encoders.base import Encoded, SequenceEncoder, Shape
from mos_tf.flops import Sequences, register
from mos_tf.ragged import Rows, row_means
from mos_tf.ragged.backend import take


@keras.saving.register_keras_serializable("mos_tf")
class MeanPooling(SequenceEncoder):
    """Gives every candidate the mean of the history's events; 0 for an empty history. It has no weights.

        h_c = 1 / max(L, 1) · Σ_t x_t

    In a ranker its head is the MLP over it and the candidate, as in the mean-pooled networks of Covington et al.

    Raises:
        ValueError: an output width other than the history's.

    References:
        Covington et al., "Deep Neural Networks for YouTube Recommendations", RecSys 2016.

    Example:

    >>> import tensorflow as tf
    >>> history = tf.ragged.constant([[[1.0], [3.0]], []], ragged_rank=1, inner_shape=(1,))
    >>> MeanPooling()(history, tf.zeros([2, 1])).numpy().tolist()
    [[2.0], [0.0]]
    """

    def build(self, history_shape: Shape, candidates_shape: Shape) -> None:
        super().build(history_shape, candidates_shape)
        if self.output_dim != history_shape[-1]:
            raise ValueError(
                "a mean is as wide as its events. "
                f"Received: output_dim={self.output_dim} for events of {history_shape[-1]}; leave it out"
            )

    def encode(self, history: Rows, candidates: Any, candidate_rows: Any = None, time: Any = None) -> Encoded:
        means = ops.cast(row_means(history), history.values.dtype)
        vectors = means if candidate_rows is None else take(means, candidate_rows)
        return Encoded(vectors, vectors[:, :0])


@register
def _(pooling: MeanPooling, sequences: Sequences) -> float:
    return 0.0  # sums are no products
