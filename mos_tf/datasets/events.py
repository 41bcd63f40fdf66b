"""Which rows of an events file count: whose, by which rules, and what is kept of those that break one."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mos_tf.datasets.config import RequestConfig, RowRules
from mos_tf.datasets.hashing import hash_strings, mix
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, TIMESTAMP, USER_ID
from mos_tf.privacy import hash_user

EVENT_TYPE = "event_type"
SESSION_ID = "session_id"
EXPOSURE_ID = "exposure_id"

DUPLICATE = "duplicate"
_LAST_SECOND = 253_402_300_799  # end of the year 9999: a larger "time" is milliseconds, or noise


def reason_for(row: Mapping[str, Any], rules: RowRules) -> str | None:
    """Returns why a row is no event, or None where it is one; a duplicate only shows among its user's rows."""
    if _is_missing(row[USER_ID]):
        return "missing_user"
    if _is_missing(row[ITEM_ID]):
        return "missing_item"
    time = parse_time(row[TIMESTAMP])
    if time is None:
        return "bad_timestamp"
    if rules.event_types is not None and str(row[EVENT_TYPE]) not in rules.event_types:
        return "unknown_event_type"
    if (rules.start is not None and time < rules.start) or (rules.end is not None and time >= rules.end):
        return "out_of_range"
    return None


def parse_time(value: Any) -> int | None:
    """Returns whole unix seconds of the years 1970 to 9999, from a number or its string; None for anything else."""
    try:
        seconds = math.floor(float(value)) if isinstance(value, (str, float)) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds <= _LAST_SECOND else None


def dead_letter(row: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Returns what is kept of a bad row, ready for JSON: the reason and the row, its user id hashed."""
    user = "" if _is_missing(row[USER_ID]) else hash_user(str(row[USER_ID]))
    return {"reason": reason, "row": {**{name: _plain(value) for name, value in row.items()}, USER_ID: user}}


def check_columns(names: Iterable[str], rules: RowRules) -> None:
    """Raises DataError where an events file lacks a column that it must have."""
    needed = [USER_ID, ITEM_ID, TIMESTAMP] + ([EVENT_TYPE] if rules.event_types is not None else [])
    missing = [name for name in needed if name not in set(names)]
    if missing:
        raise DataError(f"an events file has the columns {needed}. Missing: {missing}. Received: {sorted(names)}")


def sift(rows: pa.Table, rules: RowRules) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Parts rows into events and dead letters.

    Args:
        rows: a batch of an events file, of any users.
        rules: which times and event types are known.

    Returns:
        The events, ids as strings and `timestamp` as int64, all other columns as they came; and the dead letters.

    Raises:
        DataError: a column that the format needs is missing, or one holds lists.
    """
    check_columns(rows.column_names, rules)
    if lists := {column.name: str(column.type) for column in rows.schema if pa.types.is_nested(column.type)}:
        raise DataError(f"an event has one value in a column. Received: {lists}; leave them out, or give them by item")
    good, times = _plainly_good(rows, rules)
    doubtful = np.flatnonzero(~good)
    ruled = rows.select([n for n in (USER_ID, ITEM_ID, TIMESTAMP, EVENT_TYPE) if n in rows.column_names])
    doubts = ruled.take(doubtful).to_pylist()
    reasons = [reason_for(row, rules) for row in doubts]
    cleared = np.array([reason is None for reason in reasons], dtype=bool)
    times[doubtful[cleared]] = [parse_time(row[TIMESTAMP]) for row, ok in zip(doubts, cleared, strict=True) if ok]
    good[doubtful] = cleared
    bad_rows = rows.filter(pa.array(~good)).to_pylist()
    letters = [dead_letter(row, reason) for row, reason in zip(bad_rows, filter(None, reasons), strict=True)]
    events = rows.filter(pa.array(good))
    for name in (USER_ID, ITEM_ID, EVENT_TYPE, SESSION_ID, EXPOSURE_ID):
        if name in events.column_names:
            events = events.set_column(events.column_names.index(name), name, events[name].cast(pa.string()))
    return events.set_column(events.column_names.index(TIMESTAMP), TIMESTAMP, pa.array(times[good])), letters


def _plainly_good(rows: pa.Table, rules: RowRules) -> tuple[np.ndarray, np.ndarray]:
    """Returns bool [N], true for rows that whole columns tell to be events, and int64 [N], the times of those.

    It spares clean files `reason_for`, which decides the others: rows it does not clear are not bad but doubtful.
    """
    nobody = np.zeros(rows.num_rows, dtype=bool), np.zeros(rows.num_rows, dtype=np.int64)
    seconds = rows[TIMESTAMP]
    ids = [rows[USER_ID], rows[ITEM_ID]]
    if not pa.types.is_integer(seconds.type) or any(pa.types.is_floating(column.type) for column in ids):
        return nobody
    first = 0 if rules.start is None else max(rules.start, 0)
    last = _LAST_SECOND if rules.end is None else min(rules.end - 1, _LAST_SECOND)
    good = pc.and_(pc.greater_equal(seconds, first), pc.less_equal(seconds, last))
    for column in ids:
        good = pc.and_(good, pc.match_substring_regex(column.cast(pa.string()), "[0-9A-Za-z]"))
    if rules.event_types is not None:
        known = pa.array(sorted(rules.event_types), pa.string())
        good = pc.and_(good, pc.is_in(rows[EVENT_TYPE].cast(pa.string()), known))
    good = pc.fill_null(good, False).to_numpy()
    return good.copy(), np.where(good, pc.fill_null(seconds, 0).to_numpy().astype(np.int64), 0)


def duplicates(events: Mapping[str, np.ndarray] | pd.DataFrame) -> np.ndarray:
    """Returns bool [N], true where a row equals an earlier one in all columns."""
    return pd.DataFrame(dict(events)).duplicated().to_numpy()


def drop_duplicates(events: pa.Table) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Returns a table that holds all events of its users without repeated rows, and those as dead letters."""
    repeated = duplicates(events.to_pandas())
    letters = [dead_letter(row, DUPLICATE) for row in events.filter(pa.array(repeated)).to_pylist()]
    return events.filter(pa.array(~repeated)), letters


def by_user(events: pa.Table) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yields each user of a table that is ordered by user, and the columns of the user's events."""
    columns = {name: events[name].to_numpy() for name in events.column_names}
    users = columns.pop(USER_ID)
    if len(users):
        starts = np.flatnonzero(np.append(True, users[1:] != users[:-1]))
        for start, end in pairwise([*starts, len(users)]):
            yield users[start], {name: values[start:end] for name, values in columns.items()}


def sampled_users(user_ids: Iterable[str], config: RequestConfig) -> frozenset[str] | None:
    """Returns the `max_users` users with the smallest `user_keys`; None, which stands for all, where it is not set."""
    if config.max_users is None:
        return None
    ids = np.array(sorted(set(user_ids)), dtype=np.object_)
    return frozenset(ids[np.argsort(user_keys(ids, config), kind="stable")[: config.max_users]])


def user_keys(user_ids: np.ndarray, config: RequestConfig) -> np.ndarray:
    """Returns hash(seed, user) as uint64."""
    return mix(config.seed, hash_strings(user_ids))


def rows_of(rows: pa.Table, users: frozenset[str] | None) -> pa.Table:
    """Returns the rows of these users, and those that name no user (they are bad whoever is kept)."""
    if users is None:
        return rows
    ids = rows[USER_ID].cast(pa.string())
    kept = pc.is_in(ids, pa.array(sorted(users), pa.string()))
    return rows.filter(pc.or_(kept, pc.equal(pc.utf8_trim_whitespace(pc.fill_null(ids, "")), "")))


def check_bad_share(bad: Counter[str], rows: int, rules: RowRules) -> None:
    """Raises DataError, with the count of every reason, where too many of the rows were bad.

    Duplicates do not count: a log in whole seconds has double clicks, and dropping all but one of a kind loses nothing.
    """
    bad = Counter({reason: count for reason, count in bad.items() if reason != DUPLICATE})
    if bad.total() > rules.max_bad_share * rows:
        counts = ", ".join(f"{reason}={count}" for reason, count in sorted(bad.items()))
        raise DataError(
            f"at most {rules.max_bad_share:.2%} of the rows may be bad (max_bad_share). "
            f"Received: {bad.total()} of {rows} ({counts}). Correct the events, or raise max_bad_share"
        )


def _is_missing(value: Any) -> bool:
    return value is None or value != value or not str(value).strip()


def _plain(value: Any) -> Any:
    """The value where JSON has it, else its string."""
    finite = isinstance(value, float) and math.isfinite(value)
    return value if finite or value is None or isinstance(value, (int, str)) else str(value)
