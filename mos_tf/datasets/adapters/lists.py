"""From labelled impressions to what the request builder reads: clicks, each with the list it was chosen from."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mos_tf.datasets.events import EXPOSURE_ID, SESSION_ID
from mos_tf.features import ITEM_ID, LABEL, TIMESTAMP, USER_ID


def part_impressions(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Parts rows into events and exposure lists.

    A list is what a user was shown after one event and up to a click, that one and what came in its second included,
    all in one session where the rows have `session_id`. In between, the history stays the same, so one request at the
    click's time stands for all its impressions. What was shown before an event without a label, and what comes after
    the last click, is in no list: only a click makes a request.

    Args:
        rows: good rows with `label` (1, 0 or missing), all rows of their users, in any order.

    Returns:
        The events: rows labelled 1, with their `exposure_id`, and rows without a label, with that of a click in their
        second (they are one basket) or none; and the lists: `exposure_id`, `item_ids`.
    """
    labels = rows[LABEL].cast(pa.float64()).to_numpy()
    users, times = _codes(rows[USER_ID]), rows[TIMESTAMP].to_numpy()
    sessions = _codes(rows[SESSION_ID]) if SESSION_ID in rows.column_names else np.zeros_like(users)
    order = np.lexsort((sessions, times, users))
    list_of = _list_of(users[order], sessions[order], times[order], labels[order])
    order, list_of = order[list_of >= 0], list_of[list_of >= 0]
    last = np.flatnonzero(np.diff(list_of, append=-1))
    at_click = times[order] == times[order[last]][list_of]
    exposure_of = np.full(len(rows), -1)
    exposure_of[order[at_click]] = list_of[at_click]
    shown = ~np.isnan(labels[order])
    order, list_of = order[shown], list_of[shown]
    offsets = np.searchsorted(list_of, np.arange(len(last) + 1))
    ids = _numbered(rows[USER_ID], users, order[offsets[:-1]])
    events = rows.append_column(EXPOSURE_ID, ids.take(pa.array(exposure_of, mask=exposure_of < 0)))
    items = rows[ITEM_ID].take(pa.array(order)).combine_chunks()
    lists = {EXPOSURE_ID: ids, "item_ids": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items)}
    return events.filter(pa.array(~(labels == 0))).drop_columns([LABEL]), pa.table(lists)


def _numbered(user_ids: pa.ChunkedArray, users: np.ndarray, rows: np.ndarray) -> pa.Array:
    """Returns "anna-0", "anna-1", …: the users of rows that are ordered by user, and a number inside each."""
    owners = users[rows]
    number = pa.array(np.arange(len(owners)) - np.searchsorted(owners, owners)).cast(pa.string())
    return pc.binary_join_element_wise(user_ids.take(pa.array(rows)).combine_chunks(), number, "-")


def _list_of(users: np.ndarray, sessions: np.ndarray, times: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the number of each row's list [N], counted from 0 over those with a click, -1 in no such list.

    The rows are ordered by user, time and session; NaN is no label.
    """
    new_session = _changes(users) | _changes(sessions)
    instant = np.cumsum(new_session | _changes(times)) - 1
    has_event = np.bincount(instant, weights=labels != 0) > 0
    starts = np.concatenate([[True], has_event[:-1]])[: len(has_event)]
    starts[instant[new_session]] = True
    list_of = (np.cumsum(starts) - 1)[instant]
    has_click = np.bincount(list_of, weights=labels == 1) > 0
    return np.where(has_click, np.cumsum(has_click) - 1, -1)[list_of]


def _changes(values: np.ndarray) -> np.ndarray:
    return np.concatenate([[True], values[1:] != values[:-1]])[: len(values)]


def _codes(strings: pa.ChunkedArray) -> np.ndarray:
    return pc.fill_null(strings, "").combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
