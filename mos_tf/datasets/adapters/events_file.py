"""Any log that is in the generic format already: checked, cleaned and completed, otherwise unchanged."""

from pathlib import Path

from mos_tf.datasets.adapters.published import Published, Statistics, TimeQuantiles
from mos_tf.datasets.adapters.source import Adapter, Source
from mos_tf.datasets.events import EXPOSURE_ID
from mos_tf.datasets.files import column_names, find_table, read_batches
from mos_tf.errors import DataError
from mos_tf.features import LABEL


def read(path: Path) -> Source:
    """Reads events, and items and exposure lists where there are any.

    Args:
        path: an events file (parquet or CSV), or a directory with `events`, perhaps `items` and `exposures.parquet`.

    Raises:
        DataError: no events file, or both labels and lists.
    """
    directory = path if path.is_dir() else None
    events = find_table(path, "events") if directory else path
    if events is None or not events.is_file():
        raise DataError(f"a log is an events file, or a directory with events.parquet or .csv. Received: {path}")
    items = find_table(path, "items") if directory else None
    exposures = path / "exposures.parquet" if directory and (path / "exposures.parquet").is_file() else None
    names = column_names(events)
    if LABEL in names and (EXPOSURE_ID in names or exposures):
        raise DataError(
            f"what was shown is told by {LABEL!r} or by exposure lists, not by both. Received: {events} with {names}. "
            f"Leave out {LABEL!r} and its 0 rows, or {EXPOSURE_ID!r} and the lists"
        )
    return Source(
        rows=read_batches(events),
        items=read_batches(items) if items else None,
        exposures=read_batches(exposures) if exposures else None,
        size=events.stat().st_size,
    )


ADAPTERS = {
    "events": Adapter(
        Published(Statistics(), TimeQuantiles(), "nothing is published; split: by time, the last tenths eval and test"),
        read,
    )
}
