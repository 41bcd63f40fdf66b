"""How many ids each feature of a ranker has, and whether that agrees with its item table."""

from collections.abc import Mapping

from mos_tf.features import ITEM_ID, FeatureSpec
from mos_tf.models.item_table import ItemTable


def id_counts(spec: FeatureSpec, num_ids: Mapping[str, int], item_table: ItemTable | None) -> dict[str, int]:
    """Returns the number of ids of every feature with ids: given ones, hashed ones and those of the item table.

    Args:
        spec: the features.
        num_ids: of each of `spec.categoricals`; further names are ignored.
        item_table: of the features with `of="item_table"`; None where the spec has none.

    Raises:
        ValueError: a feature without a number, or an item table that is not the spec's.
    """
    missing = sorted(set(spec.categoricals) - set(num_ids))
    if missing:
        raise ValueError(f"num_ids must name every categorical feature. Received: nothing for {missing}")
    counts = {name: int(num_ids[name]) for name in spec.categoricals}
    counts |= {name: buckets + 1 for name, buckets in spec.hash_buckets.items()}
    held = item_table.features if item_table is not None else ()
    if held != spec.table_features:
        raise ValueError(
            f"item_table must hold the spec's item_table features {[f.name for f in spec.table_features]}. "
            f"Received: {[f.name for f in held]}; make it with ItemTable.from_items(items, spec, vocabularies)"
        )
    if item_table is None:
        return counts
    if item_table.num_ids[ITEM_ID] != counts[ITEM_ID]:
        raise ValueError(
            "item_table and num_ids must come from one vocabulary of item_id. "
            f"Received: {item_table.num_ids[ITEM_ID]} and {counts[ITEM_ID]} ids"
        )
    return counts | item_table.num_ids
