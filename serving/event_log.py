"""`EventLog`: the events of a data directory, cleaned by the rules that training requests were made with."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from mos_tf.datasets.config import RequestConfig
from mos_tf.datasets.events import by_user, drop_duplicates, rows_of, sampled_users, sift
from mos_tf.datasets.files import find_table, read_table
from mos_tf.datasets.tables import Popularity, weekly_counts
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, TIMESTAMP, USER_ID


class EventLog:
    """All rows of an events file, in memory.

    Args:
        data_dir: a data directory.
        config: which rows are events, whose events were trained on, and until when.

    Raises:
        DataError: there is no events file, or it cannot be read.
    """

    def __init__(self, data_dir: str | Path, config: RequestConfig):
        path = find_table(data_dir, "events")
        if path is None:
            raise DataError(
                f"a data directory holds events.parquet or events.csv. Received: {data_dir}; "
                "make one with: mos data fetch complete-journey"
            )
        self._rows, self._config = read_table(path), config

    def events_of(self, user_id: str) -> Mapping[str, np.ndarray]:
        """Returns the columns of a user's events, in the order of the file; an empty mapping for an unknown user."""
        return next((columns for user, columns in by_user(self._events(frozenset([user_id]))) if user == user_id), {})

    def popularity(self) -> Popularity:
        """Counts the events that training could see: of its users, up to its end."""
        users = self._rows[USER_ID].cast(pa.string()).unique().drop_null().to_pylist()
        events = self._events(sampled_users((user for user in users if user.strip()), self._config))
        end = self._config.splits.train_end
        return Popularity(*weekly_counts(events[ITEM_ID].to_numpy(), events[TIMESTAMP].to_numpy(), end))

    def _events(self, users: frozenset[str] | None) -> pa.Table:
        events, _ = sift(rows_of(self._rows, users), self._config)
        return drop_duplicates(events)[0]
