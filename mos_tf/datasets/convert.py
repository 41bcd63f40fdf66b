"""`convert`: events → request files on one machine, without Beam, with the same requests as Beam makes."""

import json
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import tensorflow as tf
from rich.progress import Progress

from mos_tf.datasets.config import SPLITS, RequestConfig
from mos_tf.datasets.dead_letters import DeadLetters
from mos_tf.datasets.events import by_user, check_bad_share
from mos_tf.datasets.files import find_table, replacing
from mos_tf.datasets.pool import SamplingPool
from mos_tf.datasets.requests import build_requests
from mos_tf.datasets.shards import finish_shard, write_shards
from mos_tf.datasets.tables import Popularity, Tables, WeeklyCounts, weekly_counts
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, TIMESTAMP, FeatureSpec

COUNTS = "counts.json"
DEAD_LETTERS = "dead_letters.jsonl.gz"


@dataclass
class Counts:
    """What a conversion read and made, as `counts.json` holds it.

    Args:
        rows: rows read of the users that are kept.
        dead_letters: reason → bad rows among them.
        users: users with at least one good row.
        requests: the summed `UserRequests.counts`.
    """

    rows: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    users: int = 0
    requests: Counter[str] = field(default_factory=Counter)


def convert(
    data_dir: str | Path,
    out_dir: str | Path,
    spec: FeatureSpec,
    config: RequestConfig,
    progress: Progress | None = None,
) -> Counts:
    """Writes `Split-{train,eval,test}/requests-*.tfrecord.gz`, `dead_letters.jsonl.gz` and `counts.json`.

    Memory holds one shard of users, some 250,000 events, and the tables, however long the log is. A file has the
    requests in order of hash(user), then of time.

    Args:
        data_dir: a data directory: events, items and, unless negatives are sampled, exposures.
        out_dir: written beside, then renamed; an earlier conversion is replaced.
        spec: the features of the requests.
        config: how to build them.
        progress: shows how far the work is; None shows nothing.

    Raises:
        DataError: a file or column is missing, or more than `config.max_bad_share` of the rows are bad.
    """
    events_file = find_table(data_dir, "events")
    if events_file is None:
        raise DataError(f"a data directory holds events.parquet or events.csv. Received: {data_dir}")
    tables = Tables.load(data_dir, with_lists=config.negatives == "exposed")
    progress = progress or Progress(disable=True)
    counts = Counts()
    with replacing(out_dir, marker=COUNTS) as out, tempfile.TemporaryDirectory(dir=out.parent) as beside:
        with DeadLetters(out / DEAD_LETTERS) as letters:
            shards, counts.rows = write_shards(events_file, Path(beside), config, letters, progress)
            popularity, pool = _finish_shards(shards, config, letters, progress)
        counts.dead_letters = letters.counts
        check_bad_share(letters.counts, counts.rows, config)
        building = progress.add_task("building requests", total=counts.rows - letters.counts.total())
        for number, shard in enumerate(shards):
            with ExitStack() as stack:
                writers = {}
                for split in SPLITS:
                    path = out / f"Split-{split}" / f"requests-{number:05}-of-{len(shards):05}.tfrecord.gz"
                    path.parent.mkdir(exist_ok=True)
                    writers[split] = stack.enter_context(tf.io.TFRecordWriter(str(path), options="GZIP"))
                for user_id, events in by_user(pq.read_table(shard)):
                    built = build_requests(
                        user_id, events, tables=tables, popularity=popularity, spec=spec, config=config, pool=pool
                    )
                    for split, request in built.requests:
                        writers[split].write(request.to_example(spec).SerializeToString(deterministic=True))
                    counts.users += 1
                    counts.requests.update(built.counts)
                    progress.advance(building, len(events[ITEM_ID]))
        (out / COUNTS).write_text(json.dumps(vars(counts), indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return counts


def _finish_shards(
    shards: list[Path], config: RequestConfig, letters: DeadLetters, progress: Progress
) -> tuple[Popularity, SamplingPool | None]:
    """Cleans and orders the shards, and counts their events on the way: for the pool beyond the end of training."""
    trained, seen = [], []
    for shard in progress.track(shards, description="ordering events"):
        events = finish_shard(shard, config, letters)
        items, times = events[ITEM_ID].to_numpy(), events[TIMESTAMP].to_numpy()
        trained.append(weekly_counts(items, times, config.splits.train_end))
        if config.negatives == "sampled":
            seen.append(weekly_counts(items, times, config.splits.test_end))
    return Popularity(*_joined(trained)), SamplingPool(*_joined(seen)) if seen else None


def _joined(parts: list[WeeklyCounts]) -> WeeklyCounts:
    items, weeks, counts = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return items, weeks, counts
