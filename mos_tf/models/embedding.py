"""`FeatureEmbedding`: the features of an event or a candidate as one vector, from shared tables."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from mos_tf.features import ITEM_ID, FeatureSpec


@keras.saving.register_keras_serializable("mos_tf")
class FeatureEmbedding(keras.layers.Layer):
    """Sums one embedding a feature, so that an event and a candidate of the same item start from the same place.

        x = Σ_f T_f[id_f] + W · symlog(numbers)        symlog(y) = sign(y) · log(1 + |y|)

    A table is shared by the history and the candidates. Event features exist in the history only.

    Args:
        spec: the features.
        num_ids: number of ids of each categorical feature, the out-of-vocabulary id included.
        dim: width of the vectors.
        item_dropout: share of item ids that a training step shows as unknown. So the out-of-vocabulary embedding is
            trained, and an item never seen is scored by its other features.
    """

    def __init__(
        self, spec: FeatureSpec, num_ids: Mapping[str, int], dim: int, item_dropout: float = 0.0, **kwargs: Any
    ):
        super().__init__(autocast=False, **kwargs)
        self.dim = dim
        self.item_dropout = item_dropout
        self.unknown_item = num_ids[ITEM_ID] - 1
        self.seed_generator = keras.random.SeedGenerator(0)
        self.columns = {
            role: [c for c in spec.columns() if c.role == role and c.dtype != "int64"]
            for role in ("history", "candidate", "context")
        }
        item_numbers = {f.name for f in spec.features if f.of in ("item", "event") and f.kind == "numeric"}
        names = dict.fromkeys(c.feature for columns in self.columns.values() for c in columns if c.categorical)
        self.tables = {
            name: keras.layers.Embedding(
                num_ids[name],
                dim,
                embeddings_initializer=keras.initializers.RandomNormal(stddev=dim**-0.5 / 2),
                name=f"{name}_embedding",
                dtype=self.dtype_policy,
            )
            for name in names
        }
        self.projections = {
            name: keras.layers.Dense(dim, use_bias=False, name=f"{name}_projection", dtype=self.dtype_policy)
            for name in sorted(item_numbers)
        }
        for table in self.tables.values():
            table.build(None)
        for projection in self.projections.values():
            projection.build((None, 1))
        self.built = True

    @property
    def has_context(self) -> bool:
        """Whether requests carry categorical context, which `role="context"` embeds."""
        return any(column.categorical for column in self.columns["context"])

    def call(self, features: Mapping[str, tf.Tensor | tf.RaggedTensor], role: str, training: bool = False) -> tf.Tensor:
        """Returns [N, dim] for the flat events ("history"), candidates ("candidate") or requests ("context")."""
        vectors = []
        for column in self.columns[role]:
            values = features[column.key]
            values = values.flat_values if column.ragged else values
            if training and column.feature == ITEM_ID:
                values = self._forget(values)
            if column.categorical:
                vectors.append(self.tables[column.feature](values))
            elif column.feature in self.projections:
                symlog = tf.sign(values) * tf.math.log1p(tf.abs(values))
                vectors.append(self.projections[column.feature](symlog[:, None]))
        return tf.add_n(vectors)

    def _forget(self, items: tf.Tensor) -> tf.Tensor:
        forgotten = keras.random.uniform(tf.shape(items), seed=self.seed_generator) < self.item_dropout
        return tf.where(forgotten, tf.cast(self.unknown_item, items.dtype), items)
