"""A study of any log in the generic format: what is compared, and how, follows from its columns and its times."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mos_tf.datasets.adapters.adapt import adapt
from mos_tf.datasets.config import RequestConfig, Split, SplitTimes
from mos_tf.datasets.files import find_table
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, TIMESTAMP, Feature, FeatureSpec, is_feature_name
from mos_tf.insight.targets import CATEGORY_LIKE
from mos_tf.layers.affinity import SECONDS_PER_DAY
from mos_tf.study.config import Directory, StudyConfig

_TRAINS_AFTER, _VALIDATES_AFTER, _TESTS_AFTER = 0.5, 0.8, 0.9  # shares of the events; the first half is history
_MAX_REQUESTS: dict[Split, int] = {"train": 30_000, "eval": 5_000, "test": 12_000}
_TIME_SCALES = (0.06, 0.25)  # of the log's time: 21 and 90 days of a year


def study_of(path: Path, directory: Path) -> StudyConfig:
    """Returns a study of an events file, or of a directory with events and perhaps items and exposure lists.

    The features are the item and its category-like columns (named `…category`, `…type` or `…tag`, one value an item,
    not the same one for all); the theme token is the finest of them, else the item. Candidates are those of lists or
    labels where the log has any, else sampled by popularity.

    Args:
        path: of the log.
        directory: gets the log as a data directory.

    Raises:
        DataError: no events, a column is missing, a category's name can be no feature's, or too many bad rows.
    """
    adapt("events", path, directory)
    events, items = pq.ParquetFile(directory / "events.parquet"), find_table(directory, "items")
    times = events.read(columns=[TIMESTAMP])[TIMESTAMP].to_numpy()
    if len(times) < 4:
        raise DataError(f"a study parts a log by time and needs events in every part. Received: {len(times)} events")
    categories = _categories(items) if items else {}
    first, *parts = (int(t) for t in np.quantile(times, [0, _TRAINS_AFTER, _VALIDATES_AFTER, _TESTS_AFTER]))
    end = int(times.max()) + 1
    if not first < parts[0] < parts[1] < parts[2] < end:
        raise DataError(
            f"a study parts a log by time, after {_TRAINS_AFTER:.0%}, {_VALIDATES_AFTER:.0%} and {_TESTS_AFTER:.0%} of "
            f"the events. Received: two of them at one of {len(np.unique(times))} times; give finer or more times"
        )
    train, validate, test = parts
    days = (end - first) / SECONDS_PER_DAY
    return StudyConfig(
        name=path.resolve().stem,
        title=path.resolve().name,
        source=Directory(path=directory, digest=_digest(directory)),
        spec=FeatureSpec(
            features=tuple(Feature(name=name, of="item") for name in categories),
            theme_token=max(categories, key=categories.__getitem__, default=ITEM_ID),
        ),
        requests=RequestConfig(
            splits=SplitTimes(train_start=train, train_end=validate, eval_end=test, test_end=end),
            max_history=256,
            negatives="exposed" if pq.read_metadata(directory / "exposures.parquet").num_rows else "sampled",
        ),
        max_requests=_MAX_REQUESTS,
        time_scales=tuple(scale * days for scale in _TIME_SCALES),
    )


def folder_of(path: Path) -> str:
    """Returns a name for the directory of a log that no log of the same name elsewhere has."""
    path = path.resolve()
    return f"{path.stem}-{hashlib.sha256(str(path).encode()).hexdigest()[:6]}"


def _digest(directory: Path) -> str:
    """Returns a digest of the tables of a data directory."""
    digest = hashlib.sha256()
    for path in sorted(directory.glob("*.parquet")):
        with path.open("rb") as table:
            digest.update(hashlib.file_digest(table, "sha256").digest())
    return digest.hexdigest()


def _categories(items: Path) -> dict[str, int]:
    """Returns how many values each category-like column has that parts the items; lists of values are no category."""
    table = pq.read_table(items)
    single = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
    names = [name for name in single if name.endswith(CATEGORY_LIKE)]
    if unfit := [name for name in names if not is_feature_name(name)]:
        raise DataError(
            "category-like columns are features, whose names are lower-case identifiers. "
            f"Received: {unfit}; rename them"
        )
    counted = {name: len(table[name].unique()) for name in names}
    return {name: number for name, number in counted.items() if number > 1}
