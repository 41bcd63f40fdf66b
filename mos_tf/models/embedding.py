"""`FeatureEmbedding`: the features of an event or a candidate as one vector, from shared tables."""

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID, FeatureSpec
from mos_tf.models.item_table import ItemTable


@keras.saving.register_keras_serializable("mos_tf")
class FeatureEmbedding(keras.layers.Layer):
    """Sums one embedding a feature, so that an event and a candidate of the same item start from the same place.

        x = Σ_f T_f[id_f] + Σ_g mean_{a in tags g} T_g[a] + W · [symlog(numbers), vectors]
        symlog(y) = sign(y) · log(1 + |y|)

    A table is shared by the history and the candidates. Event features exist in the history only. An item that no
    training step has shown is scored with the out-of-vocabulary embedding, not with the random one it was given.

    Args:
        spec: the features.
        num_ids: number of ids of each feature that has ids, the out-of-vocabulary id included.
        dim: width of the vectors.
        item_dropout: share of item ids that a training step shows as unknown. So the out-of-vocabulary embedding is
            trained, and an item never seen is scored by its other features.
        learning_scale: how fast embeddings learn, the other weights 1: tables hold T / learning_scale, on which the
            steps of Adam and its kin, which know no size of gradients, act accordingly.
        item_start: how long vectors of item ids are at the start, those of other features 1. A vector drawn at random
            for each of many items hides those of the features that items share until steps have seen it often.
        item_table: holds the features with `of="item_table"`.
    """

    def __init__(
        self,
        spec: FeatureSpec,
        num_ids: Mapping[str, int],
        dim: int,
        item_dropout: float = 0.0,
        learning_scale: float = 1.0,
        item_start: float = 1.0,
        item_table: ItemTable | None = None,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self.dim = dim
        self.item_dropout = item_dropout
        self.learning_scale = learning_scale
        self.item_start = item_start
        self.item_table: Any = item_table
        self.unknown_item = num_ids[ITEM_ID] - 1
        self.seed_generator = keras.random.SeedGenerator(0)
        self.seen = self.add_weight(
            shape=(num_ids[ITEM_ID],), initializer="zeros", name="seen", dtype="bool", trainable=False
        )
        kinds = {feature.name: feature.kind for feature in spec.features} | {ITEM_ID: "categorical"}
        looked_up = [feature.name for feature in spec.table_features]
        # (key, feature) of every scalar; those of the item table have been looked up by the time they come here.
        self.columns = {
            role: [(c.key, c.feature) for c in spec.columns() if c.role == role and c.dtype != "int64"]
            for role in ("history", "candidate", "context")
        }
        for role, prefix in (("history", HISTORY), ("candidate", CANDIDATE)):
            scalars = (name for name in looked_up if kinds[name] in ("categorical", "numeric"))
            self.columns[role] += [(prefix + name, name) for name in scalars]
        self.tagged = [name for name in looked_up if kinds[name] == "tags"]
        self.vectors = [name for name in looked_up if kinds[name] == "vector"]
        names = dict.fromkeys(name for columns in self.columns.values() for _, name in columns)
        start = dim**-0.5 / 2 / learning_scale
        self.tables = {
            name: keras.layers.Embedding(
                num_ids[name],
                dim,
                embeddings_initializer=keras.initializers.RandomNormal(
                    stddev=start * item_start if name == ITEM_ID else start
                ),
                name=f"{name}_embedding",
                dtype=self.dtype_policy,
            )
            for name in [*(name for name in names if kinds[name] == "categorical"), *self.tagged]
        }
        widths: dict[str, Any] = {
            f.name: 1 for f in spec.features if f.kind == "numeric" and f.of in ("item", "event", "item_table")
        }
        widths |= {f.name: f.dim for f in spec.features if f.name in self.vectors}
        self.projections = {
            name: keras.layers.Dense(dim, use_bias=False, name=f"{name}_projection", dtype=self.dtype_policy)
            for name in sorted(widths)
        }
        for table in self.tables.values():
            table.build(None)
        for name, projection in self.projections.items():
            projection.build((None, widths[name]))
        self.built = True

    @property
    def has_context(self) -> bool:
        """Whether requests carry categorical context, which `role="context"` embeds."""
        return any(name in self.tables for _, name in self.columns["context"])

    @property
    def trained(self) -> bool:
        """Whether any training step has shown an item, here or before saving."""
        return bool(keras.ops.convert_to_numpy(self.seen).any())

    def call(self, features: Mapping[str, tf.Tensor | tf.RaggedTensor], role: str, training: bool = False) -> tf.Tensor:
        """Returns [N, dim] for the flat events ("history"), candidates ("candidate") or requests ("context")."""
        vectors = []
        for key, name in self.columns[role]:
            values = features[key]
            values = values.flat_values if isinstance(values, tf.RaggedTensor) else values
            if name == ITEM_ID:
                values = self._forget(values) if training else self._only_seen(values)
            if name in self.tables:
                vectors.append(self._scaled(self.tables[name](values)))
            elif name in self.projections:
                symlog = tf.sign(values) * tf.math.log1p(tf.abs(values))
                vectors.append(self.projections[name](symlog[:, None]))
        if self.item_table is not None and role != "context":
            items = features[(HISTORY if role == "history" else CANDIDATE) + ITEM_ID].flat_values
            vectors.append(self._attributes(items))
        return tf.add_n(vectors)

    def _attributes(self, items: tf.Tensor) -> tf.Tensor:
        """Returns tags and vectors of items [N] as one vector each, computed once a distinct item."""
        distinct, position = tf.unique(items)
        total = tf.zeros([tf.size(distinct), self.dim], self.compute_dtype)
        for name in self.tagged:
            tags = self.item_table.tags(name, distinct)
            summed = tf.math.unsorted_segment_sum(self._scaled(self.tables[name](tags.values)), tags.ids, tags.num_rows)
            count = tf.cast(tags.splits[1:] - tags.splits[:-1], summed.dtype)
            total += summed / tf.maximum(count, 1)[:, None]  # no tags: zero
        for name in self.vectors:
            total += self.projections[name](self.item_table.values(name, distinct))
        return tf.gather(total, position)

    def _scaled(self, vectors: tf.Tensor) -> tf.Tensor:
        return vectors if self.learning_scale == 1.0 else vectors * tf.cast(self.learning_scale, vectors.dtype)

    def _only_seen(self, items: tf.Tensor) -> tf.Tensor:
        return tf.where(tf.gather(self.seen.value, items), items, tf.cast(self.unknown_item, items.dtype))

    def _forget(self, items: tf.Tensor) -> tf.Tensor:
        self.seen.assign(tf.tensor_scatter_nd_update(self.seen.value, items[:, None], tf.ones_like(items, tf.bool)))
        forgotten = keras.random.uniform(tf.shape(items), seed=self.seed_generator) < self.item_dropout
        return tf.where(forgotten, tf.cast(self.unknown_item, items.dtype), items)
