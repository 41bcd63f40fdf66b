"""An events file parted by hash of the user into shards that each fit memory, cleaned and ordered by user."""

from collections import Counter
from contextlib import ExitStack
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.progress import Progress

from mos_tf.datasets.config import RequestConfig
from mos_tf.datasets.dead_letters import DeadLetters
from mos_tf.datasets.events import drop_duplicates, rows_of, sampled_users, sift, user_keys
from mos_tf.datasets.files import read_batches
from mos_tf.datasets.hashing import mix
from mos_tf.features import USER_ID

ROWS_PER_SHARD = 250_000
_SHARD = 3  # salt of the hash that parts users


class Shards:
    """Parquet files that part a stream of rows by hash of the user: all rows of a user lie in one of them.

    Args:
        directory: where `0.parquet`, `1.parquet`, … are written, once there are rows.
        count: how many.
    """

    def __init__(self, directory: Path, count: int):
        self.paths = [directory / f"{number}.parquet" for number in range(count)]
        self._writers: list[pq.ParquetWriter] = []
        self._stack = ExitStack()

    def write(self, rows: pa.Table, keys: np.ndarray) -> None:
        """Writes rows, all of one schema, by the uint64 keys [N] of their users."""
        if not self._writers:
            self._writers = [self._stack.enter_context(pq.ParquetWriter(path, rows.schema)) for path in self.paths]
        # Hashed once more, since max_users keeps the smallest keys: those alone would all fall into few shards.
        shard_of = mix(_SHARD, keys) % np.uint64(len(self.paths))
        for number, writer in enumerate(self._writers):
            writer.write_table(rows.filter(pa.array(shard_of == number)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def write_shards(
    events_file: Path, directory: Path, config: RequestConfig, letters: DeadLetters, progress: Progress
) -> tuple[list[Path], int]:
    """Sifts an events file into shards: all events of a user in one of them.

    Returns:
        The shards, and how many rows were read of the users that are kept.
    """
    total, users, expected = _kept_users(events_file, config)
    rows = 0
    reading = progress.add_task("reading events", total=total)
    with Shards(directory, max(1, ceil(expected / ROWS_PER_SHARD))) as shards:
        for batch in read_batches(events_file):
            kept = rows_of(batch, users)
            rows += len(kept)
            events, bad = sift(kept, config)
            letters.add(bad)
            shards.write(events, user_keys(events[USER_ID].to_numpy(), config))
            progress.advance(reading, len(batch))
    return shards.paths, rows


def finish_shard(shard: Path, config: RequestConfig, letters: DeadLetters) -> pa.Table:
    """Drops the duplicates of a shard, orders it by hash of the user, writes it back and returns it."""
    events, repeated = drop_duplicates(pq.read_table(shard))
    letters.add(repeated)
    users = events[USER_ID].to_numpy()
    events = events.take(np.lexsort((pd.factorize(users, sort=True)[0], user_keys(users, config))))
    pq.write_table(events, shard)
    return events


def _kept_users(events_file: Path, config: RequestConfig) -> tuple[int, frozenset[str] | None, int]:
    """The rows of the file, the users that are kept (None for all), and the rows that those have."""
    total, rows_by_user = 0, Counter[str]()
    for batch in read_batches(events_file, columns=[USER_ID]):
        total += len(batch)
        if config.max_users is not None:
            for count in pc.value_counts(batch[USER_ID].cast(pa.string())).to_pylist():
                rows_by_user[count["values"] or ""] += count["counts"]
    users = sampled_users((user for user in rows_by_user if user.strip()), config)
    return total, users, total if users is None else sum(rows_by_user[user] for user in users)
