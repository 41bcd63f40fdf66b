"""`BuildRequests`: an events file → the requests of all its users, on any Beam runner.

    rows → of the users kept → sifted → grouped by user → without duplicates → requests
                                                       ↘ weekly counts → popularity, pool ↗

What decides is `mos_tf.datasets`: the same rules and the same pure function as `mos data convert`, so both make the
same requests. Here are the steps between, on column batches, since a row at a time is what makes Python slow.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeAlias

import apache_beam as beam
import numpy as np
import pandas as pd
import pyarrow as pa
from apache_beam.pvalue import AsSingleton, PBegin, PCollection, TaggedOutput
from apache_beam.typehints.decorators import no_annotations

from mos_tf.datasets.config import SPLITS, RequestConfig
from mos_tf.datasets.convert import Counts
from mos_tf.datasets.events import by_user, drop_duplicates, rows_of, sampled_users, sift, user_keys
from mos_tf.datasets.files import find_table, read_batches
from mos_tf.datasets.pool import SamplingPool
from mos_tf.datasets.requests import build_requests
from mos_tf.datasets.tables import Popularity, Tables, WeeklyCounts, weekly_counts
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, TIMESTAMP, USER_ID, FeatureSpec

COUNTS = "counts"
DEAD_LETTERS = "dead_letters"
GROUPS = 256  # users travel in groups: one a message would be a message for every few rows

# Or Beam takes the dataclass for a row, whose schema has no type for a Counter.
beam.coders.registry.register_coder(Counts, beam.coders.PickleCoder)

BadRow: TypeAlias = TaggedOutput[Literal["dead_letters"], dict[str, Any]]
Counted: TypeAlias = TaggedOutput[Literal["counts"], Counts]
Built: TypeAlias = (
    TaggedOutput[Literal["train"], bytes] | TaggedOutput[Literal["eval"], bytes] | TaggedOutput[Literal["test"], bytes]
)


class BuildRequests(beam.PTransform):
    """Reads the events of a data directory and builds all requests.

    The result is a dict of PCollections: for each split `"train"`, `"eval"`, `"test"` the requests as serialized
    `tf.Example`s; `"dead_letters"`, what is kept of the bad rows (see `events.dead_letter`); and `"counts"`, one
    `Counts` of all that was read and made.

    Args:
        data_dir: a data directory: events, items and, unless negatives are sampled, exposures.
        spec: the features of the requests.
        config: how to build them.

    Raises:
        DataError: there is no events file; in the run, a file or a column that is missing.
    """

    def __init__(self, data_dir: str | Path, spec: FeatureSpec, config: RequestConfig):
        super().__init__()
        events_file = find_table(data_dir, "events")
        if events_file is None:
            raise DataError(f"a data directory holds events.parquet or events.csv. Received: {data_dir}")
        self._events_file = str(events_file)
        self._data_dir, self._spec, self._config = str(data_dir), spec, config

    @no_annotations  # Beam reads them as types of elements, and has none for several outputs
    def expand(self, pipeline: PBegin) -> dict[str, PCollection]:
        """Builds the graph drawn above."""
        config = self._config
        file = pipeline | "EventsFile" >> beam.Create([self._events_file])
        sifted = (
            file
            | "Read" >> beam.FlatMap(_read, self._kept_users(file))
            | "Spread" >> beam.Reshuffle()
            | "Sift" >> beam.FlatMap(_sift, config).with_outputs(DEAD_LETTERS, COUNTS, main="events")
        )
        grouped = (
            sifted["events"]
            | "Group" >> beam.FlatMap(_by_group, config)
            | beam.GroupByKey()
            | "DropDuplicates" >> beam.FlatMap(_finish, config).with_outputs(DEAD_LETTERS, COUNTS, main="events")
        )
        splits = config.splits
        looked_up = [_counted(grouped["events"], "Popularity", Popularity, until=splits.train_end)]
        if config.negatives == "sampled":
            looked_up.append(_counted(grouped["events"], "Pool", SamplingPool, until=splits.test_end))
        build = _Build(self._data_dir, self._spec, config)
        requests = grouped["events"] | "Build" >> beam.ParDo(build, *looked_up).with_outputs(*SPLITS, COUNTS)
        letters = (sifted[DEAD_LETTERS], grouped[DEAD_LETTERS]) | "DeadLetters" >> beam.Flatten()
        counts = (sifted[COUNTS], grouped[COUNTS], requests[COUNTS]) | "Counts" >> beam.Flatten()
        return {
            **{split: requests[split] for split in SPLITS},
            DEAD_LETTERS: letters,
            COUNTS: counts | "Total" >> beam.CombineGlobally(_total),
        }

    def _kept_users(self, file: PCollection) -> AsSingleton | None:
        """The users that `max_users` keeps, None for all: found first, so that nobody else's rows travel."""
        if self._config.max_users is None:
            return None
        return AsSingleton(
            file
            | "ReadUsers" >> beam.FlatMap(_user_ids)
            | "SampleUsers" >> beam.CombineGlobally(_smallest, config=self._config)
        )


class _Build(beam.DoFn):
    """The events of some users → their requests, each tagged with its split, and what was counted."""

    def __init__(self, data_dir: str, spec: FeatureSpec, config: RequestConfig):
        self._data_dir, self._spec, self._config = data_dir, spec, config

    def setup(self) -> None:
        self._tables = Tables.load(self._data_dir, with_lists=self._config.negatives == "exposed")

    def process(
        self, events: pa.Table, popularity: Popularity, pool: SamplingPool | None = None
    ) -> Iterator[Built | Counted]:
        counts = Counts()
        for user_id, columns in by_user(events):
            built = build_requests(
                user_id,
                columns,
                tables=self._tables,
                popularity=popularity,
                spec=self._spec,
                config=self._config,
                pool=pool,
            )
            counts.users += 1
            counts.requests.update(built.counts)
            for split, request in built.requests:
                yield TaggedOutput(split, request.to_example(self._spec).SerializeToString(deterministic=True))
        yield TaggedOutput(COUNTS, counts)


def _user_ids(file: str) -> Iterator[frozenset[str]]:
    for batch in read_batches(file, columns=[USER_ID]):
        ids = batch[USER_ID].cast(pa.string()).unique().to_pylist()
        yield frozenset(user_id for user_id in ids if user_id and user_id.strip())


def _smallest(batches: Iterable[frozenset[str]], config: RequestConfig) -> frozenset[str] | None:
    return sampled_users(chain.from_iterable(batches), config)


def _read(file: str, users: frozenset[str] | None) -> Iterator[pa.Table]:
    for batch in read_batches(file):
        yield rows_of(batch, users)


def _sift(rows: pa.Table, config: RequestConfig) -> Iterator[pa.Table | BadRow | Counted]:
    events, letters = sift(rows, config)
    yield events
    yield from _report(letters, rows=len(rows))


def _report(letters: Sequence[Mapping[str, Any]], rows: int = 0) -> Iterator[BadRow | Counted]:
    for letter in letters:
        yield TaggedOutput(DEAD_LETTERS, letter)
    yield TaggedOutput(COUNTS, Counts(rows=rows, dead_letters=Counter(letter["reason"] for letter in letters)))


def _by_group(events: pa.Table, config: RequestConfig) -> Iterator[tuple[int, pa.Table]]:
    groups = user_keys(events[USER_ID].to_numpy(), config) % np.uint64(GROUPS)
    for group in np.unique(groups):
        yield int(group), events.filter(pa.array(groups == group))


def _finish(group: tuple[int, Iterable[pa.Table]], config: RequestConfig) -> Iterator[pa.Table | BadRow | Counted]:
    """Drops the duplicates of a group's users and orders it by user."""
    events, repeated = drop_duplicates(pa.concat_tables(group[1]))
    yield events.sort_by(USER_ID)
    yield from _report(repeated)


def _counted(events: PCollection, name: str, of: Callable[..., Any], until: int) -> AsSingleton:
    """Makes one `Popularity` or `SamplingPool` of all events before a time, for every worker."""
    return AsSingleton(
        events
        | f"CountWeeks[{name}]" >> beam.Map(_count_weeks, until)
        | f"AddWeeks[{name}]" >> beam.CombineGlobally(_add_weeks)
        | name >> beam.MapTuple(of)
    )


def _count_weeks(events: pa.Table, until: int) -> WeeklyCounts:
    return weekly_counts(events[ITEM_ID].to_numpy(), events[TIMESTAMP].to_numpy(), until)


def _add_weeks(parts: Iterable[WeeklyCounts]) -> WeeklyCounts:
    none = (np.empty(0, np.object_), np.empty(0, np.int64), np.empty(0, np.int64))
    items, weeks, counts = (np.concatenate(columns) for columns in zip(none, *parts, strict=True))
    sums = pd.Series(counts).groupby([items, weeks]).sum()
    return (
        sums.index.get_level_values(0).to_numpy(dtype=np.object_),
        sums.index.get_level_values(1).to_numpy(dtype=np.int64),
        sums.to_numpy(dtype=np.int64),
    )


def _total(counts: Iterable[Counts]) -> Counts:
    total = Counts()
    for part in counts:
        total.rows += part.rows
        total.users += part.users
        total.dead_letters.update(part.dead_letters)
        total.requests.update(part.requests)
    return total
