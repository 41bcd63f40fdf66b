"""Sessions of a history: given, or cut where its user paused."""

from typing import Any

from keras import ops

from mos_tf.ragged import Rows
from mos_tf.ragged.backend import take

SESSION_GAP = 1800  # seconds


def session_numbers(history: Rows, *, sessions: Any = None, time: Any = None, gap: int = SESSION_GAP) -> Any:
    """Numbers the sessions of a batch of histories, in order.

    A session ends with its row, where the given session id changes, or, without ids, after a pause longer than `gap`.

    Args:
        history: R sequences of N events.
        sessions: session id of each event [N], any dtype that compares; or None.
        time: int [N], seconds before the request, falling along a row; needed without `sessions`.
        gap: seconds.

    Returns:
        int [N], ascending from 0, the same number for the events of one session.

    Raises:
        ValueError: neither sessions nor time.

    Example:

    >>> import tensorflow as tf
    >>> history = Rows(tf.zeros([4]), tf.constant([0, 3, 4], tf.int64))
    >>> session_numbers(history, time=tf.constant([9000, 8000, 5, 2])).numpy().tolist()
    [0, 0, 1, 2]
    """
    if sessions is None and time is None:
        raise ValueError(
            "sessions are told by ids or by pauses. Received: neither history_session nor history_time; pass one"
        )
    rows = history.ids
    changed = sessions[1:] != sessions[:-1] if sessions is not None else time[:-1] - time[1:] > gap
    new = ops.cast((rows[1:] != rows[:-1]) | changed, rows.dtype)
    return take(ops.cumsum(ops.pad(new, [[1, 0]])), ops.arange(ops.shape(rows)[0]))
