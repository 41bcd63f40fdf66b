"""`ItemTable`: what the model itself knows of items, so that it need not travel in requests."""

from collections.abc import Mapping
from typing import Any, Self

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from mos_tf.datasets.tensors import hash_ids
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, Feature, FeatureSpec
from mos_tf.ragged import Rows
from mos_tf.vocabulary import Vocabulary


@keras.saving.register_keras_serializable("mos_tf")
class ItemTable(keras.layers.Layer):
    """Looks up the features of items by id: categories, numbers, several tags, dense vectors.

    The state saves with the model and is not trained, so training and serving cannot differ. The last row is that of
    an unknown item, and so is the row of every item that the table was not told of: unknown categories, no tags, 0 for
    numbers and vectors. Vectors are standardised by dimension over the items, so that 0 is the average item.

    Make one with `ItemTable.from_items`; the constructor gives an empty one, to be loaded.

    Args:
        features: those of the spec with `of="item_table"`.
        num_ids: number of ids of the items and of each feature that has ids, the unknown id included.
        num_tags: by tags feature, how many tags all items have together.

    Raises:
        ValueError: no features.

    Example:

    >>> spec = FeatureSpec(features=(Feature(name="tags", of="item_table", kind="tags"),))
    >>> table = ItemTable.from_items(
    ...     pd.DataFrame({"item_id": ["tea", "milk"], "tags": [["hot", "drink"], ["drink"]]}),
    ...     spec,
    ...     {"item_id": Vocabulary(["milk", "tea"]), "tags": Vocabulary(["drink", "hot"])},
    ... )
    >>> table.tags("tags", tf.constant([1, 0, 2])).values.numpy().tolist()  # of tea, milk and an unknown item
    [1, 0, 0]
    """

    def __init__(
        self, features: tuple[Feature, ...], num_ids: Mapping[str, int], num_tags: Mapping[str, int], **kwargs: Any
    ):
        super().__init__(dtype=kwargs.pop("dtype", "float32"), autocast=False, **kwargs)
        self.features = tuple(Feature.model_validate(feature) for feature in features)
        if not self.features:
            raise ValueError("an item table holds features with of='item_table'. Received: none; name some in the spec")
        self.num_ids = {name: int(num_ids[name]) for name in self._with_ids}
        self.num_tags = dict(num_tags)
        items = self.num_ids[ITEM_ID]
        self.listed = self._state((items,), "listed", "bool")
        self.columns: dict[str, keras.Variable] = {}
        self.splits: dict[str, keras.Variable] = {}
        for feature in self.features:
            if feature.kind == "tags":
                self.columns[feature.name] = self._state((self.num_tags[feature.name],), feature.name, "int64")
                self.splits[feature.name] = self._state((items + 1,), f"{feature.name}_splits", "int64")
            else:
                shape = (items, feature.dim) if feature.kind == "vector" else (items,)
                dtype = "int64" if feature.has_ids else "float32"
                self.columns[feature.name] = self._state(shape, feature.name, dtype)
        self.built = True

    @property
    def _with_ids(self) -> list[str]:
        return [ITEM_ID, *(feature.name for feature in self.features if feature.has_ids)]

    def _state(self, shape: tuple, name: str, dtype: str) -> keras.Variable:
        return self.add_weight(
            shape=shape, initializer="zeros", name=name, dtype=dtype, trainable=False, autocast=False
        )

    @classmethod
    def from_items(
        cls, items: pd.DataFrame, spec: FeatureSpec, vocabularies: Mapping[str, Vocabulary], **kwargs: Any
    ) -> Self:
        """Returns the table of a catalogue.

        Args:
            items: one row an item: `item_id` and a column a table feature; tags and vectors are sequences a cell.
                What is missing (None, NaN) is unknown. Items that the vocabulary of `item_id` lacks have no id, hence
                no row.
            spec: names the features.
            vocabularies: of `item_id` and of each table feature with ids that is not hashed. That of `item_id` may be
                wider than what training meets: it is how an item without a click scores by its features.
            **kwargs: of the layer.

        Raises:
            DataError: a column or vocabulary is missing, an item has two rows, or a vector is not of `dim` finite
                numbers.
        """
        features = spec.table_features
        missing = [name for name in (ITEM_ID, *(f.name for f in features)) if name not in items]
        missing += [f.name for f in features if f.has_ids and not f.hash_buckets and f.name not in vocabularies]
        if missing:
            raise DataError(
                "an item table needs a column, and where ids are looked up a vocabulary, for each feature. "
                f"Received: nothing for {missing}"
            )
        repeated = items[ITEM_ID][items[ITEM_ID].duplicated()]
        if len(repeated):
            raise DataError(f"an item has one row in the item table. Received twice: {repeated.iloc[0]!r}")
        ids = vocabularies[ITEM_ID].ids(items[ITEM_ID].astype(str))
        num_items = vocabularies[ITEM_ID].num_ids
        known = ids < num_items - 1
        # Row by id, -1 for an id that the catalogue does not hold.
        rows = np.full(num_items, -1)
        rows[ids[known]] = np.flatnonzero(known)
        num_ids = {ITEM_ID: num_items, **{f.name: _num_ids(f, vocabularies) for f in features if f.has_ids}}
        values = {f.name: _values(items[f.name], f, vocabularies, rows) for f in features}
        num_tags = {f.name: len(values[f.name][0]) for f in features if f.kind == "tags"}
        table = cls(features, num_ids, num_tags, **kwargs)
        table.listed.assign(rows >= 0)
        for feature in features:
            if feature.kind == "tags":
                tags, splits = values[feature.name]
                table.columns[feature.name].assign(tags)
                table.splits[feature.name].assign(splits)
            else:
                table.columns[feature.name].assign(values[feature.name])
        return table

    def values(self, name: str, item_ids: tf.Tensor) -> tf.Tensor:
        """Returns a categorical (int64 ids [N]), numeric (float32 [N]) or vector ([N, dim]) feature of items [N]."""
        return tf.gather(self.columns[name].value, item_ids)

    def tags(self, name: str, item_ids: tf.Tensor) -> Rows:
        """Returns the tag ids of items [N], as N rows."""
        tags = tf.RaggedTensor.from_row_splits(self.columns[name].value, self.splits[name].value, validate=False)
        return Rows.of(tf.gather(tags, item_ids))

    def unknown(self, item_ids: tf.Tensor) -> tf.Tensor:
        """Returns for items [N] whether the table has no row of theirs, bool [N]."""
        return tf.logical_not(tf.gather(self.listed.value, item_ids))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "features": [feature.model_dump(mode="json") for feature in self.features],
            "num_ids": self.num_ids,
            "num_tags": self.num_tags,
        }


def _num_ids(feature: Feature, vocabularies: Mapping[str, Vocabulary]) -> int:
    return feature.hash_buckets + 1 if feature.hash_buckets else vocabularies[feature.name].num_ids


def _values(column: pd.Series, feature: Feature, vocabularies: Mapping[str, Vocabulary], rows: np.ndarray) -> Any:
    """Returns a feature by item id, `rows` naming each id's row of the catalogue; tags as (flat ids, splits)."""
    cells: list[Any] = [column.iloc[row] if row >= 0 else None for row in rows]
    if feature.kind == "tags":
        lists = [[] if _missing(cell) else [str(tag) for tag in cell] for cell in cells]
        ids = _ids([tag for tags in lists for tag in tags], feature, vocabularies)
        return ids, np.concatenate([[0], np.cumsum([len(tags) for tags in lists])])
    if feature.kind == "categorical":
        return _ids(["" if _missing(cell) else str(cell) for cell in cells], feature, vocabularies)
    if feature.kind == "numeric":
        numbers = np.array([0.0 if _missing(cell) else cell for cell in cells], np.float32)
        return _finite(numbers, feature)
    return _standardised([None if _missing(cell) else np.asarray(cell, np.float32) for cell in cells], feature)


def _missing(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and np.isnan(cell)) or cell is pd.NA


def _ids(strings: list[str], feature: Feature, vocabularies: Mapping[str, Vocabulary]) -> np.ndarray:
    if feature.hash_buckets:
        return hash_ids(tf.constant(strings, tf.string), feature.hash_buckets).numpy()
    return vocabularies[feature.name].ids(strings)


def _standardised(vectors: list[np.ndarray | None], feature: Feature) -> np.ndarray:
    told = [vector for vector in vectors if vector is not None]
    wrong = next((vector.shape for vector in told if vector.shape != (feature.dim,)), None)
    if wrong is not None:
        raise DataError(f"every {feature.name!r} has {feature.dim} numbers. Received: shape {wrong}")
    if not told:
        return np.zeros((len(vectors), feature.dim or 0), np.float32)
    matrix = _finite(np.stack(told), feature)
    mean, scale = matrix.mean(axis=0), matrix.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    return np.stack([np.zeros_like(mean) if vector is None else (vector - mean) / scale for vector in vectors])


def _finite(numbers: np.ndarray, feature: Feature) -> np.ndarray:
    if not np.isfinite(numbers).all():
        raise DataError(f"every {feature.name!r} is finite. Received: {np.count_nonzero(~np.isfinite(numbers))} others")
    return numbers
