"""What a stream of good rows holds in all: `Count` and, where no file describes the items, `SeenItems`."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mos_tf.datasets.adapters.published import Statistics
from mos_tf.features import ITEM_ID, LABEL, TIMESTAMP, USER_ID

CATEGORY = "category"


@dataclass
class Count:
    """What good rows hold: samples are those with a label, all of them where there are no labels."""

    rows: int = 0
    samples: int = 0
    positives: int | None = None
    users: set[str] = field(default_factory=set)
    by_hour: Counter[int] = field(default_factory=Counter)

    def add(self, events: pa.Table, rows: int) -> None:
        """Counts the good rows of a batch that had `rows` in all."""
        self.rows += rows
        if LABEL in events.column_names:
            self.positives = (self.positives or 0) + (pc.sum(events[LABEL]).as_py() or 0)
            events = events.filter(pc.is_valid(events[LABEL]))
        self.samples += len(events)
        self.users.update(events[USER_ID].unique().to_pylist())
        hours, counts = np.unique(events[TIMESTAMP].to_numpy() // 3_600, return_counts=True)
        self.by_hour.update(dict(zip(hours.tolist(), counts.tolist(), strict=True)))

    def statistics(self, items: int) -> Statistics:
        """Returns the counts so far, beside those of the items, of at least one sample."""
        share = None if self.positives is None else self.positives / self.samples
        return Statistics(users=len(self.users), items=items, samples=self.samples, positive_share=share)


class SeenItems:
    """The items of rows, each once, with the first category met."""

    def __init__(self) -> None:
        self._known: list[pa.Table] = []
        self._new: list[pa.Table] = []

    def add(self, rows: pa.Table) -> None:
        """Remembers the items of some rows."""
        columns = [name for name in (ITEM_ID, CATEGORY) if name in rows.column_names]
        self._new.append(rows.select(columns))
        # Merging only when as much is new as is known keeps the work proportional to the rows.
        if sum(map(len, self._new)) >= sum(map(len, self._known)):
            self._known, self._new = [self.table()], []

    def table(self) -> pa.Table:
        """Returns `item_id` and, where the rows have it, `category`."""
        rows = pa.concat_tables([*self._known, *self._new])
        first = [(name, "first") for name in rows.column_names if name != ITEM_ID]
        items = rows.group_by(ITEM_ID, use_threads=False).aggregate(first)
        return items.rename_columns([name.removesuffix("_first") for name in items.column_names])
