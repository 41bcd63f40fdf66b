import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mos_tf import Feature, FeatureSpec, Vocabulary
from mos_tf.datasets.tensors import hash_ids
from mos_tf.errors import DataError
from mos_tf.models import ItemTable

SPEC = FeatureSpec(
    features=(
        Feature(name="brand", of="item_table"),
        Feature(name="colour", of="item_table", hash_buckets=50),
        Feature(name="weight", of="item_table", kind="numeric"),
        Feature(name="tags", of="item_table", kind="tags"),
        Feature(name="image", of="item_table", kind="vector", dim=2),
    )
)
VOCABULARIES = {
    "item_id": Vocabulary(["milk", "tea", "jam"]),
    "brand": Vocabulary(["alps", "hill"]),
    "tags": Vocabulary(["hot", "cold"]),
}
ITEMS = pd.DataFrame(
    {
        "item_id": ["tea", "milk", "not in the vocabulary"],
        "brand": ["hill", None, "alps"],
        "colour": ["green", "", "red"],
        "weight": [0.5, np.nan, 7.0],
        "tags": [["hot", "unheard of"], None, ["cold"]],
        "image": [[1.0, 5.0], [3.0, 5.0], None],
    }
)
MILK, TEA, JAM, UNKNOWN = 0, 1, 2, 3


@pytest.fixture(scope="module")
def table() -> ItemTable:
    return ItemTable.from_items(ITEMS, SPEC, VOCABULARIES)


def test_every_kind_of_feature_is_looked_up_by_item_id(table):
    ids = tf.constant([TEA, MILK, TEA])
    assert table.values("brand", ids).numpy().tolist() == [1, 2, 1]
    green = int(hash_ids(tf.constant("green"), 50))
    assert table.values("colour", ids).numpy().tolist() == [green, 50, green]
    assert table.values("weight", ids).numpy().tolist() == [0.5, 0.0, 0.5]
    # Standardised over tea and milk; a dimension that never varies is 0.
    np.testing.assert_allclose(table.values("image", ids), [[-1, 0], [1, 0], [-1, 0]], atol=1e-6)
    tags = table.tags("tags", ids)
    assert tags.values.numpy().tolist() == [0, 2, 0, 2] and tags.splits.numpy().tolist() == [0, 2, 2, 4]


def test_an_item_that_is_not_listed_is_unknown_and_has_unknown_features(table):
    ids = tf.constant([TEA, JAM, UNKNOWN])
    assert table.unknown(ids).numpy().tolist() == [False, True, True]
    assert table.values("brand", ids[1:]).numpy().tolist() == [2, 2]
    assert table.values("colour", ids[1:]).numpy().tolist() == [50, 50]
    assert not np.any(table.values("image", ids[1:])) and not len(table.tags("tags", ids[1:]).values)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (ITEMS.drop(columns="image"), r"nothing for \['image'\]"),
        (pd.concat([ITEMS, ITEMS]), "Received twice: 'tea'"),
        (ITEMS.assign(image=pd.Series([[1.0], [1.0, 2.0], None])), "'image' has 2 numbers. Received: shape"),
        (ITEMS.assign(weight=[1.0, np.inf, 1.0]), "'weight' is finite"),
    ],
)
def test_items_that_break_the_format_are_refused(items, message):
    with pytest.raises(DataError, match=message):
        ItemTable.from_items(items, SPEC, VOCABULARIES)


def test_a_vocabulary_that_is_missing_is_named():
    with pytest.raises(DataError, match=r"nothing for \['brand'\]"):
        ItemTable.from_items(ITEMS, SPEC, {name: VOCABULARIES[name] for name in ("item_id", "tags")})


def test_a_table_without_features_says_so():
    with pytest.raises(ValueError, match="item_table"):
        ItemTable((), {"item_id": 3}, {})
