"""Planted requests in which a user's recent category decides the label: small enough to learn in seconds."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
import tensorflow as tf

from mos_tf import Feature, FeatureSpec, Request, Vocabulary
from mos_tf.datasets.tensors import encode, parse_spec
from mos_tf.models import ItemTable

SPEC = FeatureSpec(
    features=(
        Feature(name="category", of="item"),
        Feature(name="popularity", of="candidate", kind="numeric"),
        Feature(name="price", of="event", kind="numeric"),
        Feature(name="channel", of="event"),
        Feature(name="store", of="context"),
    ),
    theme_token="category",
)
# The same requests, read with every kind of feature: channels hashed, and what the model looks up itself.
RICH_SPEC = FeatureSpec(
    features=(
        *(
            feature.model_copy(update={"hash_buckets": 7}) if feature.name == "channel" else feature
            for feature in SPEC.features
        ),
        Feature(name="brand", of="item_table"),
        Feature(name="weight", of="item_table", kind="numeric"),
        Feature(name="tags", of="item_table", kind="tags"),
        Feature(name="image", of="item_table", kind="vector", dim=4),
    ),
    theme_token="category",
)
ITEMS, CATEGORIES = 60, 12
START = 1_500_000_000


def planted_requests(
    lengths: Sequence[int] | None = None, candidates: Sequence[int] | None = None, seed: int = 0, size: int = 300
) -> list[Request]:
    """Returns requests of 40 users; by default 0 to 30 events and 0 to 8 candidates each."""
    rng = np.random.default_rng(seed)
    events = rng.integers(0, 31, size).tolist() if lengths is None else lengths
    shown = rng.integers(0, 9, len(events)).tolist() if candidates is None else candidates
    return [_request(rng, i, n, c) for i, (n, c) in enumerate(zip(events, shown, strict=True))]


def _request(rng: np.random.Generator, index: int, length: int, count: int) -> Request:
    theme = rng.integers(0, 4)
    times = START + 40_000 * np.sort(rng.integers(0, 25, length))  # several events an instant: sessions
    hops = (times - START) // 250_000  # a user's interest changes four times and categories 3t..3t+2 go together
    item = ((theme + hops) % 4) * 15 + rng.integers(0, 15, length)
    shown = rng.integers(0, ITEMS, count)
    liked = np.isin(shown // 15, item[-5:] // 15)
    label = (rng.random(count) < np.where(liked, 0.8, 0.1)).astype(np.float32)
    return Request(
        user_id=f"user-{index % 40}",
        request_time=START + 10**6 + index,
        history={
            **_item_features(item),
            "timestamp": times,
            "price": rng.random(length).astype(np.float32),
            "channel": np.array([f"channel-{c}" for c in rng.integers(0, 3, length)], dtype=object),
        },
        candidates={**_item_features(shown), "popularity": rng.normal(size=count).astype(np.float32)},
        label=label,
        context={"store": f"store-{index % 5}"},
    )


def _item_features(item: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "item_id": np.array([f"item-{i}" for i in item], dtype=object),
        "category": np.array([f"category-{i // 5}" for i in item], dtype=object),
    }


@cache
def vocabularies() -> dict[str, Vocabulary]:
    return {
        "item_id": Vocabulary([f"item-{i}" for i in range(ITEMS)]),
        "category": Vocabulary([f"category-{i}" for i in range(CATEGORIES)]),
        "channel": Vocabulary([f"channel-{i}" for i in range(3)]),
        "store": Vocabulary([f"store-{i}" for i in range(5)]),
        "brand": Vocabulary(["brand-0", "brand-1"]),
        "tags": Vocabulary(["even", "third"]),
    }


def planted_item_table() -> ItemTable:
    """Returns what `RICH_SPEC` has of the items; the last one is not listed."""
    items = range(ITEMS - 1)
    catalogue = pd.DataFrame(
        {
            "item_id": [f"item-{i}" for i in items],
            "brand": [f"brand-{i % 2}" for i in items],
            "weight": [float(i) for i in items],
            "tags": [["even"] * (i % 2 == 0) + ["third"] * (i % 3 == 0) for i in items],
            "image": list(np.random.default_rng(0).normal(size=(ITEMS - 1, 4))),
        }
    )
    return ItemTable.from_items(catalogue, RICH_SPEC, vocabularies())


def planted_dataset(
    batch_size: int = 32, seed: int = 0, requests: list[Request] | None = None, spec: FeatureSpec = SPEC
) -> tf.data.Dataset:
    """Returns batches of (features, label) as `load_requests` gives them."""
    requests = planted_requests(seed=seed) if requests is None else requests
    serialized = [request.to_example(spec).SerializeToString() for request in requests]
    tables = {name: vocabulary.table() for name, vocabulary in vocabularies().items()}

    def tensors(batch: tf.Tensor) -> tuple[dict, tf.RaggedTensor]:
        features = encode(tf.io.parse_example(batch, parse_spec(spec)), spec, tables)
        return features, features.pop("label")

    return tf.data.Dataset.from_tensor_slices(serialized).batch(batch_size).map(tensors)
