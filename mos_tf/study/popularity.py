"""How popular candidates were in training: the floor below which no ranker should fall."""

from functools import lru_cache

import numpy as np
import pandas as pd

from mos_tf.datasets.requests import POPULARITY
from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID, USER_ID
from mos_tf.study.data import StudyData
from mos_tf.study.numbers import splits_of
from mos_tf.study.requests import Requests


def popularity(data: StudyData, seed: int, trial: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the items' shares of all events as scores of the validation and test candidates, [M] each."""
    logs = log_popularity(data)
    return np.exp(logs["validation"]), np.exp(logs["test"])


@lru_cache(maxsize=1)
def log_popularity(data: StudyData) -> dict[str, np.ndarray]:
    """Returns the log share of events of each candidate's item by split, float [M].

    The candidate feature `popularity` where requests carry it. Else it is counted in the training requests:

        log (1 + n_i) / Σ_j (1 + n_j)        n_i = events with item i

    Of each user the history of the latest training request counts, so that no event counts twice. To a training
    candidate its own user's events do not count: its label is among them. An item without an id of its own has n = 0.
    """
    splits = splits_of(data)
    if any(feature.name == POPULARITY and feature.of == "candidate" for feature in data.spec.features):
        return {name: split.columns[CANDIDATE + POPULARITY].flat_values.numpy() for name, split in splits.items()}
    events = _latest_events(data.train)
    items = {name: split.columns[CANDIDATE + ITEM_ID].flat_values.numpy() for name, split in splits.items()}
    counts = np.bincount(events["item"], minlength=data.num_ids[ITEM_ID])
    asked = {name: counts[of_split] for name, of_split in items.items()}
    pairs = pd.MultiIndex.from_arrays([data.train.users, items["train"]])
    asked["train"] = asked["train"] - events.value_counts().reindex(pairs, fill_value=0).to_numpy()
    known = {name: np.where(of_split < len(counts) - 1, asked[name], 0) for name, of_split in items.items()}
    everything = len(counts) + counts[:-1].sum()
    return {name: np.log1p(of_split) - np.log(everything) for name, of_split in known.items()}


def _latest_events(requests: Requests) -> pd.DataFrame:
    """Returns `user` and `item` of every event before each user's latest request."""
    latest = requests.latest()
    histories = latest.columns[HISTORY + ITEM_ID]
    users = np.repeat(latest.columns[USER_ID].numpy(), histories.row_lengths().numpy())
    return pd.DataFrame({"user": users, "item": histories.flat_values.numpy()})
