import json

import numpy as np
import pandas as pd
import pytest

START = 1_483_228_800  # 2017-01-01
TYPES = ["MILK", "BREAD", "SOAP", "<script>alert('type')</script>", "PETS", "$x_{^"]
HOSTILE = "<script>alert('name')</script> & $\\frac{"


@pytest.fixture
def run_dir(tmp_path):
    return planted_run(tmp_path)


@pytest.fixture(scope="session")
def untouched_run_dir(tmp_path_factory):
    return planted_run(tmp_path_factory.mktemp("run"))


def planted_run(directory):
    """Writes a run of five users, six types and four themes, of which the last is empty; returns its directory."""
    write_data(directory / "data")
    results = {
        "evaluation": {
            "blessed": True,
            "baseline": "live-7",
            "metrics": [
                {"slice": "overall", "metric": "auc", "value": 0.71234, "baseline_value": 0.7},
                {"slice": "overall", "metric": "gauc", "value": 0.65432, "baseline_value": 0.66},
                {"slice": "overall", "metric": "candidates", "value": 55_000, "baseline_value": 55_000},
                {"slice": "history_length=1-9", "metric": "auc", "value": 0.61111, "baseline_value": None},
            ],
            "gates": [
                gate("auc", "value", 0.71234, 0.6, True),
                gate("gauc", "change", -0.00568, -0.005, False),
            ],
            "skipped_requests": {"without_candidates": 3},
        },
        "training": {
            "history": {"loss": [0.5, 0.4], "val_loss": [0.52, 0.43], "auc": [0.6, 0.7], "val_gauc": [0.61, 0.64]},
            "kept": 2,
            "theme_load": {"2": [0.5, 0.5, 0.0], "4": [0.55, 0.25, 0.15, 0.0, 0.05]},
            "steps": 1234,
            "seconds": 83.0,
        },
        "themes": {
            "routing_resolution": 4,
            "resolutions": [2, 4],
            "tokens": TYPES,
            "themes": {"2": [0, 0, 1, 1, 1, 1, 2], "4": [0, 0, 1, 1, 2, 2, 4]},
            "counts": [90, 80, 70, 60, 50, 40, 5],
        },
        "nodes": [
            {"node": "InteractionsExampleGen", "seconds": 61.0, "cached": False, "produced": "77 requests"},
            {"node": "Trainer", "seconds": 0.0, "cached": True, "produced": "a model"},
        ],
        "examples": {
            "rows": 1010,
            "users": 5,
            "dead_letters": {"missing_user": 7, "bad_timestamp": 3},
            "requests": {"baskets": 99, "train/requests": 70, "train/positives": 210, "train/history_events": 4200},
        },
    }
    for name, content in results.items():
        write_json(directory / "results" / f"{name}.json", content)
    products = [
        {
            "rank": 1,
            "item_id": "i3",
            "name": HOSTILE,
            "category": "BAD",
            "score": 0.75,
            "theme": 1,
            "bought_before": True,
        },
        {
            "rank": 2,
            "item_id": "i0",
            "name": "Milk, 1 l",
            "category": "DAIRY",
            "score": 0.5,
            "theme": -1,
            "bought_before": False,
        },
    ]
    write_json(directory / "rankings.json", {"user": "u3", "time": START + 86_400, "products": products})
    return directory


def gate(metric, kind, value, threshold, passed):
    return {
        "metric": metric,
        "slice": "overall",
        "kind": kind,
        "value": value,
        "threshold": threshold,
        "passed": passed,
    }


def write_data(directory):
    directory.mkdir()
    rng = np.random.default_rng(0)
    number = 1000
    events = pd.DataFrame(
        {
            "user_id": [f"u{n}" for n in rng.integers(0, 5, number)],
            "item_id": [f"i{n}" for n in rng.integers(0, 6, number)],
            "timestamp": START + rng.integers(0, 300 * 86_400, number) // 86_400 * 86_400,
        }
    )
    events["session_id"] = events["user_id"] + events["timestamp"].astype(str)
    items = pd.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(6)],
            "name": ["Milk, 1 l", "Bread", "Soap", HOSTILE, "Cat food", "Maths"],
            "product_type": TYPES,
            "product_category": ["DAIRY", "BAKERY", "HOME", "BAD", "PETS", "BAD"],
        }
    )
    events.to_parquet(directory / "events.parquet")
    items.to_parquet(directory / "items.parquet")
    write_json(directory / "manifest.json", {"source": "planted data 1"})


def write_json(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
