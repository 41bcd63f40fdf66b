"""Small data directories, written as a user's would be, and a configuration whose splits lie weeks apart."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mos_tf.datasets.config import RequestConfig
from mos_tf.datasets.tables import WEEK_SECONDS, Tables
from mos_tf.features import Feature, FeatureSpec

SPEC = FeatureSpec(
    features=(
        Feature(name="category", of="item"),
        Feature(name="popularity", of="candidate", kind="numeric"),
    ),
    theme_token="category",
)

# Weeks 0 to 9: history only, training from week 2, eval from week 6, test from week 8 until week 10.
SPLITS = {
    "train_start": 2 * WEEK_SECONDS,
    "train_end": 6 * WEEK_SECONDS,
    "eval_end": 8 * WEEK_SECONDS,
    "test_end": 10 * WEEK_SECONDS,
}

ITEMS = {"tea": "drinks", "milk": "drinks", "bread": "bakery", "rolls": "bakery", "soap": ""}
LISTS = {"north": ["tea", "bread", "rolls", "soap"], "south": ["milk", "tea"], "east": ["crumbs", "tea", "tea"]}


def config(**changed: Any) -> RequestConfig:
    """The configuration of these tests, with some settings changed."""
    return RequestConfig(**{"splits": SPLITS, **changed})


def event(user: Any, item: Any, timestamp: Any, session: str = "s", exposure: str = "north", **more: Any) -> dict:
    """One row of an events file."""
    row = {"user_id": user, "item_id": item, "timestamp": timestamp, "event_type": "purchase"}
    return {**row, "session_id": session, "exposure_id": exposure, **more}


def small_tables(items: dict[str, str] | None = None, lists: dict[str, list[str]] | None = None) -> Tables:
    """Tables of items (id → category) and exposure lists."""
    return Tables(items_frame(items or ITEMS), exposures_table(lists or LISTS))


def items_frame(items: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame({"item_id": list(items), "name": [f"Fine {i}" for i in items], "category": items.values()})


def exposures_table(lists: dict[str, list[str]]) -> pa.Table:
    columns = {"exposure_id": list(lists), "item_ids": list(lists.values())}
    return pa.table(columns, schema=pa.schema({"exposure_id": pa.string(), "item_ids": pa.list_(pa.string())}))


def write_data_dir(directory: Path, events: list[dict], csv: bool = False) -> Path:
    """Writes events (parquet, or CSV where values are of several types), items and exposure lists."""
    directory.mkdir(parents=True, exist_ok=True)
    if csv:
        pd.DataFrame(events).to_csv(directory / "events.csv", index=False)
    else:
        pq.write_table(pa.Table.from_pylist(events), directory / "events.parquet")
    pq.write_table(pa.Table.from_pandas(items_frame(ITEMS), preserve_index=False), directory / "items.parquet")
    pq.write_table(exposures_table(LISTS), directory / "exposures.parquet")
    return directory
