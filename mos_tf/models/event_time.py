"""`EventTimeEmbedding`: when an event happened, as vectors: its age and the pause before it."""

from typing import Any

import keras
import tensorflow as tf

from mos_tf.ragged import Rows, row_lengths


@keras.saving.register_keras_serializable("mos_tf")
class EventTimeEmbedding(keras.layers.Layer):
    """Embeds the age of an event and its gap to the event before, each by the logarithm of its seconds.

        t = A[b(age)] + G[b(gap)]        b(s) = min(floor(log2(1 + s)), num_buckets − 1)

    The first event of a history has no gap and a row of G of its own. Both tables start at zero: time is then as if it
    had not been added, until training says otherwise.

    Args:
        dim: width of the vectors.
        num_buckets: B; the default tells ages of up to 34 years apart.

    Call arguments:
        times: `Rows` of int64 [N], seconds before the request, oldest event first.

    Returns:
        float [N, dim].

    Example:

    >>> layer = EventTimeEmbedding(dim=4)
    >>> layer.buckets(tf.constant([0, 1, 2, 3, 3600], tf.int64)).numpy().tolist()
    [0, 1, 1, 2, 11]
    """

    def __init__(self, dim: int, num_buckets: int = 30, **kwargs: Any):
        super().__init__(autocast=False, **kwargs)
        self.dim = dim
        self.num_buckets = num_buckets
        self.age = self._table(num_buckets, "age")
        self.gap = self._table(num_buckets + 1, "gap")
        self.built = True

    def _table(self, rows: int, name: str) -> keras.layers.Embedding:
        table = keras.layers.Embedding(rows, self.dim, "zeros", name=name, dtype=self.dtype_policy)
        table.build(None)
        return table

    def buckets(self, seconds: tf.Tensor) -> tf.Tensor:
        """Returns b(s), int32, of int64 [N] seconds."""
        # Compared with powers of two, since a logarithm in floating point may fall on either side of them.
        edges = tf.constant([2**k for k in range(1, self.num_buckets)], tf.int64)
        return tf.searchsorted(edges, seconds + 1, side="right")

    def call(self, times: Rows) -> tf.Tensor:
        ages, splits = times
        gaps = self.buckets(tf.concat([ages[:1], ages[:-1]], axis=0) - ages)
        first = tf.boolean_mask(splits[:-1], row_lengths(splits) > 0)
        gaps = tf.tensor_scatter_nd_update(gaps, first[:, None], tf.fill(tf.shape(first), self.num_buckets))
        return self.age(self.buckets(ages)) + self.gap(gaps)

    def get_config(self) -> dict:
        return {**super().get_config(), "dim": self.dim, "num_buckets": self.num_buckets}
