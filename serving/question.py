"""`Question`: what one user could be asked about now, as a request, with what a person wants to read beside it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa

from mos_tf.datasets.config import RequestConfig, SplitTimes
from mos_tf.datasets.events import EXPOSURE_ID
from mos_tf.datasets.files import find_table, read_table
from mos_tf.datasets.requests import build_requests
from mos_tf.datasets.tables import Tables
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, TIMESTAMP, FeatureSpec
from mos_tf.privacy import hash_user
from mos_tf.request import Request
from serving.event_log import EventLog

_GIVEN = "given"  # id of the exposure list that holds the candidates a person names


@dataclass(frozen=True)
class Question:
    """A request for one user.

    Attributes:
        request: n candidates, no labels.
        names: [n], what to call the candidates.
        bought_before: bool [n], whether the user's log holds the candidate before the request, however long ago.
    """

    request: Request
    names: list[str]
    bought_before: np.ndarray

    @classmethod
    def build(
        cls,
        data_dir: str | Path,
        user_id: str,
        *,
        spec: FeatureSpec,
        config: RequestConfig,
        item_ids: Sequence[str] | None = None,
        time: int | None = None,
    ) -> Self:
        """Builds the request from a data directory.

        Args:
            data_dir: a data directory: events, items, exposures.
            user_id: who is asked about.
            spec: the features of a request.
            config: how training requests were built.
            item_ids: the candidates; None takes the list that the user was exposed to last.
            time: UTC seconds; None is one second after the user's last event.

        Raises:
            DataError: the user has no event before `time`, there are no candidates, or one is not among the items.
        """
        log = EventLog(data_dir, config)
        events = log.events_of(user_id)
        if events and time is not None:
            events = {name: values[events[TIMESTAMP] < time] for name, values in events.items()}
        if not events or not len(events[ITEM_ID]):
            before = "" if time is None else f" before {time}"
            raise DataError(f"a user is known by events. Received: {hash_user(user_id)} has none{before} in {data_dir}")
        time = int(events[TIMESTAMP].max()) + 1 if time is None else time
        tables, exposure_id = _last_list(data_dir, events) if item_ids is None else _given_list(data_dir, item_ids)
        built = build_requests(
            user_id,
            _and_now(events, time, exposure_id, tables),
            tables=tables,
            popularity=log.popularity(),
            spec=spec,
            config=_all_candidates_at(time, config),
        )
        request = replace(built.requests[0][1], label=None)
        candidates = request.candidates[ITEM_ID]
        return cls(request, tables.names(list(candidates)), np.isin(candidates, events[ITEM_ID]))


def _and_now(events: Mapping[str, np.ndarray], time: int, exposure_id: str, tables: Tables) -> dict[str, np.ndarray]:
    """Lets the user's log go on with one more event at `time`, so that training's own code builds the request of it.

    The event buys an item of the list, since without a purchase there would be no request, and is otherwise as the
    latest one; its label is dropped afterwards.
    """
    now = {TIMESTAMP: time, EXPOSURE_ID: exposure_id, ITEM_ID: tables.item_ids[tables.listed(exposure_id)][0]}
    events = {EXPOSURE_ID: np.full(len(events[ITEM_ID]), "", dtype=np.object_), **events}
    latest = np.argmax(events[TIMESTAMP])
    return {name: np.append(values, now.get(name, values[latest])) for name, values in events.items()}


def _all_candidates_at(time: int, config: RequestConfig) -> RequestConfig:
    """Returns the configuration under which there is a request at `time` alone, and its whole list is ranked."""
    splits = SplitTimes(train_start=time, train_end=time + 1, eval_end=time + 2, test_end=time + 3)
    return config.model_copy(update={"splits": splits, "negatives": "exposed", "negatives_per_positive": sys.maxsize})


def _last_list(data_dir: str | Path, events: Mapping[str, np.ndarray]) -> tuple[Tables, str]:
    """Returns the look-ups and the latest exposure list among the user's events."""
    tables = Tables.load(data_dir)
    if EXPOSURE_ID in events:
        for exposure_id in pd.unique(events[EXPOSURE_ID][np.argsort(-events[TIMESTAMP], kind="stable")]):
            listed = tables.listed(exposure_id)
            if listed is not None and len(listed):
                return tables, exposure_id
    raise DataError(f"promoted items are those of an exposure list. Received: no event with one in {data_dir}")


def _given_list(data_dir: str | Path, item_ids: Sequence[str]) -> tuple[Tables, str]:
    """Returns look-ups that hold these items as their only exposure list."""
    path = find_table(data_dir, "items")
    if path is None:
        raise DataError(f"a data directory holds items.parquet or items.csv. Received: {data_dir}")
    items = read_table(path).to_pandas()
    known = set(items[ITEM_ID].astype(str))
    unknown = [item_id for item_id in item_ids if item_id not in known]
    if unknown or not item_ids:
        what = f"{len(unknown)} unknown, first {unknown[0]!r}" if unknown else "an empty list"
        raise DataError(f"candidates must be items of {path}. Received: {what}")
    return Tables(items, pa.table({EXPOSURE_ID: [_GIVEN], "item_ids": [list(item_ids)]})), _GIVEN
