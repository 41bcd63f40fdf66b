"""A small data directory with planted tastes: every user buys two of the product types, and little else."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

WEEK = 7 * 24 * 3600
START = 100 * WEEK
TYPES = 8
ITEMS_PER_TYPE = 6
LISTED = 16


def write_planted_data(
    directory: Path, *, users: int = 40, weeks: int = 20, seed: int = 0, last_price: float = 1.0
) -> Path:
    """Writes events, items and exposure lists: one basket of three purchases a user and week, two of them listed.

    Args:
        directory: the data directory to make.
        users: how many.
        weeks: how many, one list each.
        seed: of all draws.
        last_price: price of the last item; one that is not finite breaks the schema and no rule before it.
    """
    rng = np.random.default_rng(seed)
    items = [f"item-{i:02d}" for i in range(TYPES * ITEMS_PER_TYPE)]
    types = [f"type-{i // ITEMS_PER_TYPE}" for i in range(len(items))]
    lists = [sorted(rng.choice(len(items), LISTED, replace=False)) for _ in range(weeks)]
    rows = []
    for user in range(users):
        favourites = rng.choice(TYPES, 2, replace=False)
        for week, listed in enumerate(lists):
            time = START + week * WEEK + int(rng.integers(WEEK))
            liked = [item for item in listed if item // ITEMS_PER_TYPE in favourites] or list(listed)
            source = liked if rng.random() < 0.9 else list(listed)
            bought = {*rng.choice(source, min(2, len(source)), replace=False), int(rng.integers(len(items)))}
            rows += [
                (f"user-{user:03d}", items[item], time, f"basket-{user}-{week}", f"list-{week}") for item in bought
            ]
    directory.mkdir(parents=True, exist_ok=True)
    columns = ["user_id", "item_id", "timestamp", "session_id", "exposure_id"]
    events = dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table({**events, "event_type": ["purchase"] * len(rows)}), directory / "events.parquet")
    prices = [float(item % 5) for item in range(len(items) - 1)] + [last_price]
    pq.write_table(
        pa.table({"item_id": items, "name": items, "product_type": types, "price": prices}),
        directory / "items.parquet",
    )
    exposures = {
        "exposure_id": [f"list-{week}" for week in range(weeks)],
        "item_ids": [[items[item] for item in listed] for listed in lists],
    }
    pq.write_table(pa.table(exposures), directory / "exposures.parquet")
    (directory / "manifest.json").write_text(json.dumps({"source": "planted"}))
    return directory


def planted_config(directory: Path, **changes: object) -> dict:
    """Returns a pipeline's configuration over `<directory>/data`, as its YAML file would hold it."""
    config = {
        "name": "planted",
        "data_dir": str(directory / "data"),
        "output_dir": str(directory / "out"),
        "spec": {
            "features": [
                {"name": "product_type", "of": "item"},
                {"name": "price", "of": "item", "kind": "numeric"},
                {"name": "popularity", "of": "candidate", "kind": "numeric"},
            ],
            "theme_token": "product_type",
        },
        "requests": {
            "splits": {
                "train_start": START + 4 * WEEK,
                "train_end": START + 12 * WEEK,
                "eval_end": START + 15 * WEEK,
                "test_end": START + 20 * WEEK,
            },
            "max_history": 40,
            "negatives_per_positive": 3,
        },
        "vocabulary": {"min_count": 2},
        "training": {
            "steps": 60,
            "batch_size": 16,
            "validations": 3,
            "learning_rate": 0.01,
            "embedding_dim": 8,
            "num_themes": [4],
            "window": 10,
        },
        "gates": {"min_auc": 0.55, "min_gauc": 0.55},
    }
    return {**config, **changes}
