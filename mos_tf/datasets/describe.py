"""`describe`: what one should know of a log before modelling it: size, quality, lengths, time, session hopping."""

import datetime
import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from rich.table import Table

from mos_tf.datasets.config import RowRules
from mos_tf.datasets.events import DUPLICATE, duplicates, sift
from mos_tf.datasets.files import find_table, read_batches, read_table
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, TIMESTAMP, USER_ID
from mos_tf.insight.focus import LONG_SESSION
from mos_tf.insight.hopping import Hopping, session_hopping

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class Description:
    """What `describe` found.

    Args:
        rows: rows of the events file; everything but this and `bad_rows` is about the good ones.
        bad_rows: reason → rows.
        users, items, events: how many.
        mean_history_length: events a user.
        history_lengths: name of a quantile → events of a user.
        first, last: UTC seconds of the earliest and of the latest event.
        category: the column that `hopping` compares; None, as `hopping` then is, where the log has none.
        hopping: how often neighbouring events agree on it, inside a session and across its end.
        popularity_slope: of log(events of an item) on log(rank of the item), least squares over the items; NaN for
            one item.
    """

    rows: int
    bad_rows: dict[str, int]
    users: int
    items: int
    events: int
    mean_history_length: float
    history_lengths: dict[str, int]
    first: int
    last: int
    category: str | None
    hopping: Hopping | None
    popularity_slope: float

    def to_json(self) -> str:
        """Returns the same fields as JSON; a share of no pairs, NaN, is null."""
        return json.dumps(_without_nan(asdict(self)), indent=2, allow_nan=False)


def describe(path: str | Path, category: str | None = None) -> Description:
    """Reads a data directory or one events file and says what it holds.

    Args:
        path: a directory with `events.parquet` or `events.csv`, and optionally items; or an events file.
        category: the column of events or items that `hopping` compares; by default `category`, else the first whose
            name ends so.

    Raises:
        DataError: no such file, a column is missing, or not one row is an event.
    """
    directory = Path(path) if Path(path).is_dir() else None
    file = find_table(directory, "events") if directory else Path(path)
    if file is None or not file.is_file():
        raise DataError(f"a log is an events file, or a directory with events.parquet or .csv. Received: {path}")
    events, bad = _read(file)
    rows = len(events) + bad.total()
    if events.empty:
        raise DataError(f"a log holds at least one event. Received: {file} with {rows} rows, bad ones {dict(bad)}")
    lengths = events.groupby(USER_ID).size().to_numpy()
    events, category = _with_category(events, find_table(directory, "items") if directory else None, category)
    return Description(
        rows=rows,
        bad_rows=dict(bad),
        users=len(lengths),
        items=events[ITEM_ID].nunique(),
        events=len(events),
        mean_history_length=float(lengths.mean()),
        history_lengths={f"p{100 * q:.0f}": int(np.quantile(lengths, q, method="lower")) for q in QUANTILES},
        first=int(events[TIMESTAMP].min()),
        last=int(events[TIMESTAMP].max()),
        category=category,
        hopping=session_hopping(events, category) if category else None,
        popularity_slope=_popularity_slope(events[ITEM_ID].value_counts().to_numpy()),
    )


def _popularity_slope(counts: np.ndarray) -> float:
    """The slope for counts in descending order."""
    if len(counts) < 2:
        return float("nan")
    return float(np.polyfit(np.log(np.arange(len(counts)) + 1), np.log(counts), 1)[0])


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value


def _read(file: Path) -> tuple[pd.DataFrame, Counter[str]]:
    batches, bad = [], Counter[str]()
    for batch in read_batches(file):
        events, letters = sift(batch, RowRules())
        batches.append(events)
        bad.update(letter["reason"] for letter in letters)
    events = pa.concat_tables(batches).to_pandas() if batches else pd.DataFrame()
    repeated = duplicates(events)
    bad.update({DUPLICATE: int(repeated.sum())} if repeated.any() else {})
    return events[~repeated], bad


def _with_category(
    events: pd.DataFrame, items_file: Path | None, category: str | None
) -> tuple[pd.DataFrame, str | None]:
    """Joins the columns of the items to the events and returns the name of the category among them, if any."""
    if items_file is not None:
        items = read_table(items_file).to_pandas()
        new = [ITEM_ID, *items.columns.difference(events.columns)]
        events = events.merge(items[new].astype({ITEM_ID: str}), on=ITEM_ID, how="left")
    if category is not None and category not in events:
        raise DataError(f"the category is a column of events or items. Received: {category!r}, not in {list(events)}")
    names = [str(name) for name in events if str(name).endswith("category")]
    return events, category or min(names, key=lambda name: name != "category", default=None)


def tables(description: Description) -> tuple[Table, ...]:
    """Returns the description as tables for the terminal."""
    bad = sum(description.bad_rows.values())
    size = _table("log", "")
    size.add_row("users", f"{description.users:,}")
    size.add_row("items", f"{description.items:,}")
    size.add_row("events", f"{description.events:,}")
    size.add_row("from", _date(description.first))
    size.add_row("to", _date(description.last))
    size.add_row("slope of item popularity", f"{description.popularity_slope:.2f}")
    size.add_row("bad rows", f"{bad:,} of {description.rows:,} ({bad / description.rows:.2%})")
    for reason, count in sorted(description.bad_rows.items()):
        size.add_row(f"  {reason}", f"{count:,} ({count / description.rows:.2%})")
    lengths = _table("history length", "events")
    lengths.add_row("mean", f"{description.mean_history_length:,.0f}")
    for quantile, length in description.history_lengths.items():
        lengths.add_row("max" if quantile == "p100" else quantile, f"{length:,}")
    if description.hopping is None:
        return size, lengths
    return size, lengths, *_hopping_tables(description.hopping, str(description.category))


def _hopping_tables(hopping: Hopping, category: str) -> tuple[Table, ...]:
    agreement = _table(f"same {category}", "share of pairs")
    agreement.add_row("neighbours inside a session", f"{hopping.same_session:.1%}")
    agreement.add_row("neighbours across a boundary", f"{hopping.across_sessions:.1%}")
    agreement.add_row("random pairs of one user", f"{hopping.random_same_user:.1%}")
    agreement.add_row("pairs of two users", f"{hopping.other_users:.1%}")
    for gap, agreeing in hopping.by_gap.items():
        agreement.add_row(f"neighbours {gap} apart", f"{agreeing:.1%}")
    sessions = Table("sessions", "mean", *list(hopping.session_lengths)[1:])
    for name, figures in {
        "events of a session": hopping.session_lengths,
        "sessions of a user": hopping.sessions_per_user,
        "sessions until a return": hopping.focus.return_lags,
    }.items():
        sessions.add_row(name, *(f"{figure:,.3g}" for figure in figures.values()))
    focus = _table(f"top {category} of a session", "")
    focus.add_row(f"share of it, {LONG_SESSION} events or more", f"{hopping.focus.top_share:.1%}")
    focus.add_row("the next session keeps it", f"{hopping.focus.next_keeps_top:.1%}")
    focus.add_row("was that of an earlier session", f"{hopping.focus.returns:.1%}")
    focus.add_row("effective number a user", f"{hopping.focus.effective_categories:.1f}")
    return agreement, sessions, focus


def _table(*headings: str) -> Table:
    table = Table(*headings)
    table.columns[-1].justify = "right"
    return table


def _date(seconds: int) -> str:
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
