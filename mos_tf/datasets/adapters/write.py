"""`write_source`: writes a source as a data directory, whatever its size, and counts what it holds."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mos_tf.datasets.adapters.count import Count, SeenItems
from mos_tf.datasets.adapters.labels import sift_labelled
from mos_tf.datasets.adapters.lists import part_impressions
from mos_tf.datasets.adapters.published import Statistics
from mos_tf.datasets.adapters.source import Source
from mos_tf.datasets.dead_letters import DeadLetters
from mos_tf.datasets.events import EXPOSURE_ID, check_bad_share
from mos_tf.datasets.files import replacing, write_batches
from mos_tf.datasets.hashing import hash_strings
from mos_tf.datasets.manifest import MANIFEST, write_manifest
from mos_tf.datasets.shards import Shards
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, LABEL, USER_ID

DEAD_LETTERS = "dead_letters.jsonl.gz"
BYTES_PER_SHARD = 64 * 2**20  # of the source's files: about a million rows
ROWS_AT_ONCE = 500_000

_LISTS = pa.schema({EXPOSURE_ID: pa.string(), "item_ids": pa.list_(pa.string())})


@dataclass(frozen=True)
class Written:
    """What a source held.

    Args:
        bad_rows: reason → rows that became dead letters.
        statistics: users, items, samples and positives of the good rows.
        samples_by_hour: hours since 1970 → samples.
    """

    bad_rows: Counter[str]
    statistics: Statistics
    samples_by_hour: Counter[int]


def write_source(source: Source, directory: str | Path, name: str) -> Written:
    """Writes `events`, `items`, `exposures` (parquet), `dead_letters.jsonl.gz` and `manifest.json` into the directory.

    Memory holds half a million rows, then one shard of users at a time; the ids of all users; and the items where no
    file describes them.

    Args:
        source: what to write.
        directory: written beside, then renamed; an earlier data directory is replaced.
        name: of the source, for the manifest.

    Raises:
        DataError: a column is missing, too many rows are bad, there are none, or the directory holds other things.
    """
    count = Count()
    seen = SeenItems()
    with replacing(directory, marker=MANIFEST) as out, tempfile.TemporaryDirectory(dir=out.parent) as beside:
        with (
            DeadLetters(out / DEAD_LETTERS) as letters,
            Shards(Path(beside), max(1, ceil(source.size / BYTES_PER_SHARD))) as shards,
        ):
            for rows in _pieces(source.rows):
                events, bad = sift_labelled(rows, source.rules)
                letters.add(bad)
                count.add(events, len(rows))
                if source.items is None:
                    seen.add(events)
                shards.write(events, hash_strings(events[USER_ID].to_numpy()))
        check_bad_share(letters.counts, count.rows, source.rules)
        if not count.samples:
            raise DataError(f"a log holds at least one sample. Received: {count.rows} rows, {dict(letters.counts)} bad")
        items = write_batches(out / "items.parquet", [seen.table()] if source.items is None else _ids(source.items))
        _write_events(shards.paths, source, out)
        write_manifest(out, name)
    return Written(letters.counts, count.statistics(items), count.by_hour)


def _write_events(shards: list[Path], source: Source, out: Path) -> None:
    """Writes the events and, where the rows have labels, the lists: of one shard of users after the other."""
    with ExitStack() as stack:
        lists = stack.enter_context(pq.ParquetWriter(out / "exposures.parquet", _LISTS, compression="zstd"))
        for batch in source.exposures or ():
            lists.write_table(batch.select(_LISTS.names).cast(_LISTS))
        writer = None
        for shard in shards:
            events = pq.read_table(shard)
            if LABEL in events.column_names:
                events, own = part_impressions(events)
                lists.write_table(own.cast(_LISTS))
            writer = writer or stack.enter_context(
                pq.ParquetWriter(out / "events.parquet", events.schema, compression="zstd")
            )
            writer.write_table(events)


def _pieces(batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Joins small batches, or the shards would be written in crumbs."""
    waiting: list[pa.Table] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= ROWS_AT_ONCE:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _ids(batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Items with their ids as strings."""
    for batch in batches:
        if ITEM_ID not in batch.column_names:
            raise DataError(f"items must have the column {ITEM_ID!r}. Received: {batch.column_names}")
        yield batch.set_column(batch.column_names.index(ITEM_ID), ITEM_ID, batch[ITEM_ID].cast(pa.string()))
