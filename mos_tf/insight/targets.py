"""Targets of a log for a quick look: what users did later, beside what they could have done then."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
import pyarrow as pa

from mos_tf.datasets.config import RowRules
from mos_tf.datasets.events import EVENT_TYPE, EXPOSURE_ID, duplicates, sift
from mos_tf.datasets.files import find_table, read_batches, read_table
from mos_tf.datasets.tables import Tables, find_lists, read_lists
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, TIMESTAMP, USER_ID

NEGATIVES = 4  # for each positive
CATEGORY_LIKE = ("category", "type", "tag")


@dataclass(frozen=True)
class ItemLog:
    """All good events of a log in codes, by user and then time.

    Args:
        users, times, items: int64 [N]; users 0.., UTC seconds, item codes 0..
        exposures: the list that each event was chosen from, object [N]; None where the log has no lists.
        levels: category-like column → int64 [items], the code of each item's value, -1 where it has none.
        tables: the lists.
    """

    users: np.ndarray
    times: np.ndarray
    items: np.ndarray
    exposures: np.ndarray | None
    levels: dict[str, np.ndarray]
    tables: Tables

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Reads a data directory (events, perhaps items and exposures) or one events file.

        Category-like are the columns of items, or of events, whose names end in category, type or tag.

        Raises:
            DataError: no such file, a column is missing, or not one row is an event.
        """
        directory = Path(path) if Path(path).is_dir() else None
        file = find_table(directory, "events") if directory else Path(path)
        if file is None or not file.is_file():
            raise DataError(f"a log is an events file, or a directory with events.parquet or .csv. Received: {path}")
        batches = [sift(batch, RowRules())[0] for batch in read_batches(file)]
        events = pa.concat_tables(batches).to_pandas() if batches else pd.DataFrame()
        if events.empty:
            raise DataError(f"a log holds at least one event. Received: {file} without one")
        events = events[~duplicates(events)]
        item_table = _items(events, find_table(directory, "items") if directory else None)
        lists = find_lists(directory) if directory and EXPOSURE_ID in events else None
        tables = Tables(item_table, read_lists(lists) if lists else None)
        users = pd.factorize(events[USER_ID], sort=True)[0]
        times = events[TIMESTAMP].to_numpy(dtype=np.int64)
        items = tables.codes(events[ITEM_ID].to_numpy())
        order = np.lexsort((items, times, users))
        return cls(
            users=users[order],
            times=times[order],
            items=items[order],
            exposures=events[EXPOSURE_ID].to_numpy(dtype=np.object_)[order] if lists else None,
            levels={name: _codes(tables.feature(name, "categorical")) for name in _category_like(item_table)},
            tables=tables,
        )

    def of_users(self, users: np.ndarray) -> np.ndarray:
        """Returns bool [N], the events of these users."""
        return np.isin(self.users, users)


class Targets(NamedTuple):
    """M candidates of requests, flat.

    Attributes:
        users, times, items: int64 [M], whose request, when (UTC seconds) and the item's code.
        labels: bool [M], whether it was chosen.
    """

    users: np.ndarray
    times: np.ndarray
    items: np.ndarray
    labels: np.ndarray


def sample_targets(
    log: ItemLog, users: np.ndarray, start: int, end: int, count: int, rng: np.random.Generator
) -> Targets:
    """Draws at most `count` instants of the users from [start, end) and makes candidates of each.

    An instant is a (user, timestamp). Where the log has lists, the candidates are listed: what was chosen of the list,
    and four times as many that were not. Else negatives are the items of random events, of anybody, strictly before
    the instant, hence drawn by popularity from what could have been seen; and positives are what had been seen, too.
    """
    rows = np.flatnonzero(log.of_users(users) & (log.times >= start) & (log.times < end))
    starts = np.flatnonzero(np.diff(log.users[rows], prepend=-1) | np.diff(log.times[rows], prepend=-1))
    ends = np.append(starts[1:], len(rows))
    choose = _seen(log, rng) if log.exposures is None else _listed(log, rng)
    drawn = (rows[starts[i] : ends[i]] for i in rng.permutation(len(starts))[:count])
    nothing = Targets(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, bool))
    parts = [nothing, *_candidates(log, drawn, choose)]
    return Targets._make(np.concatenate(columns) for columns in zip(*parts, strict=True))


Choose = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def _candidates(log: ItemLog, instants: Iterable[np.ndarray], choose: Choose) -> Iterator[Targets]:
    for rows in instants:
        positives, negatives = choose(rows)
        if len(positives) and len(negatives):
            items = np.concatenate([positives, negatives])
            labels = np.arange(len(items)) < len(positives)
            yield Targets(
                np.full(len(items), log.users[rows[0]]), np.full(len(items), log.times[rows[0]]), items, labels
            )


def _listed(log: ItemLog, rng: np.random.Generator) -> Choose:
    assert log.exposures is not None
    exposures = log.exposures

    def choose(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        listed = log.tables.listed(exposures[rows[0]])
        if listed is None:
            return rows[:0], rows[:0]
        chosen = np.isin(listed, log.items[rows])
        others = listed[~chosen]
        wanted = min(NEGATIVES * int(chosen.sum()), len(others))
        return listed[chosen], rng.choice(others, wanted, replace=False)

    return choose


def _seen(log: ItemLog, rng: np.random.Generator) -> Choose:
    order = np.argsort(log.times, kind="stable")
    times, items = log.times[order], log.items[order]
    first = np.full(items.max() + 1, times[-1])
    np.minimum.at(first, items, times)

    def choose(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        moment = log.times[rows[0]]
        chosen = np.unique(log.items[rows])
        positives = chosen[first[chosen] < moment]
        past = np.searchsorted(times, moment)
        drawn = items[rng.integers(past, size=NEGATIVES * len(positives))] if past else items[:0]
        return positives, drawn[~np.isin(drawn, chosen)]

    return choose


def _items(events: pd.DataFrame, items_file: Path | None) -> pd.DataFrame:
    """One row an item: those of the items file, and whatever else occurs."""
    items = events[[ITEM_ID, *_category_like(events)]].drop_duplicates(ITEM_ID)
    if items_file is None:
        return items
    given = read_table(items_file).to_pandas().astype({ITEM_ID: str})
    new = items.columns.difference(given.columns)
    joined = given.merge(items[[ITEM_ID, *new]], on=ITEM_ID, how="left")
    # The file's order stays: lists that follow it need no sorting, which would take most of the probe's time.
    return pd.concat([joined, items[~items[ITEM_ID].isin(given[ITEM_ID])]], ignore_index=True)


def _category_like(frame: pd.DataFrame) -> list[str]:
    return [str(name) for name in frame if str(name).endswith(CATEGORY_LIKE) and name != EVENT_TYPE]


def _codes(values: np.ndarray) -> np.ndarray:
    """Codes 0.. of strings, -1 for the empty one."""
    column = pd.Series(values)
    return pd.factorize(column.where(column != ""))[0].astype(np.int64)
