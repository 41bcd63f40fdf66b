"""Any log that is in the generic format already: checked, cleaned and completed, otherwise unchanged."""

from itertools import islice
from pathlib import Path

from mos_tf.datasets.adapters.published import Published, Statistics, TimeQuantiles
from mos_tf.datasets.adapters.source import Adapter, Source
from mos_tf.datasets.events import EXPOSURE_ID
from mos_tf.datasets.files import column_names, find_table, read_batches
from mos_tf.datasets.tables import check_lists, find_lists
from mos_tf.errors import DataError
from mos_tf.features import LABEL


def read(path: Path) -> Source:
    """Reads events, and items and exposure lists where there are any.

    Args:
        path: an events file (parquet or CSV), or a directory with `events`, perhaps `items` and `exposures.parquet`.

    Raises:
        DataError: no events file, both labels and lists, lists in another form, or none where events name them.
    """
    directory = path if path.is_dir() else None
    events = find_table(path, "events") if directory else path
    if events is None or not events.is_file():
        raise DataError(f"a log is an events file, or a directory with events.parquet or .csv. Received: {path}")
    items = find_table(path, "items") if directory else None
    exposures = find_lists(path) if directory else None
    names = column_names(events)
    if LABEL in names and (EXPOSURE_ID in names or exposures):
        raise DataError(
            f"what was shown is told by {LABEL!r} or by exposure lists, not by both. Received: {events} with {names}. "
            f"Leave out {LABEL!r} and its 0 rows, or {EXPOSURE_ID!r} and the lists"
        )
    if exposures is not None:
        for batch in islice(read_batches(exposures), 1):  # none where there are no lists
            check_lists(batch.schema)
    elif EXPOSURE_ID in names:
        raise DataError(
            f"{EXPOSURE_ID!r} of an event names a list in exposures.parquet. Received: {events} with {names} and no "
            f"lists; bring both in one directory, or leave out {EXPOSURE_ID!r}: candidates are then sampled"
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
