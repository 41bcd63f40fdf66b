"""`adapt`: a public data set's own files → a data directory, and how close they come to what is published."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from mos_tf.datasets.adapters import commits, events_file, kuairand, longctr, movielens, taobao
from mos_tf.datasets.adapters.published import Published, Statistics, TimeQuantiles, relative_differences
from mos_tf.datasets.adapters.write import write_source
from mos_tf.datasets.config import SplitTimes
from mos_tf.errors import DataError

ADAPTERS = {
    **longctr.ADAPTERS,
    **kuairand.ADAPTERS,
    **taobao.ADAPTERS,
    **movielens.ADAPTERS,
    **commits.ADAPTERS,
    **events_file.ADAPTERS,
}


@dataclass(frozen=True)
class Adapted:
    """What was found in a user's files, beside what is published.

    Args:
        found: statistics of the good rows.
        published: those of the literature, with its split.
        splits: that split as times, found from the samples where it is given by quantiles.
        bad_rows: reason → rows that became dead letters.
    """

    found: Statistics
    published: Published
    splits: SplitTimes
    bad_rows: Counter[str]


def adapt(name: str, source: str | Path, directory: str | Path) -> Adapted:
    """Writes a data directory (`events`, `items`, `exposures`) from a data set's own files.

    Impressions become clicks and the lists they were chosen from, see `part_impressions`; a log of events alone has no
    lists. Bad rows become `dead_letters.jsonl.gz`.

    Args:
        name: one of `ADAPTERS`.
        source: the data set's directory or file.
        directory: written beside, then renamed; an earlier data directory is replaced.

    Raises:
        DataError: the name is unknown, the files have another layout, or too many of their rows are bad.
    """
    if name not in ADAPTERS:
        raise DataError(f"the data sets that can be adapted: {sorted(ADAPTERS)}. Received: {name!r}")
    adapter = ADAPTERS[name]
    written = write_source(adapter.read(Path(source)), directory, f"{name}, adapter 1")
    split = adapter.published.split
    splits = split.times(written.samples_by_hour) if isinstance(split, TimeQuantiles) else split
    return Adapted(written.statistics, adapter.published, splits, written.bad_rows)


def table(adapted: Adapted) -> Table:
    """Returns found beside published statistics, for printing."""
    published, found = adapted.published.statistics, adapted.found
    differences = relative_differences(found, published)
    shown = Table("", "found", "published", "difference")
    for column in shown.columns[1:]:
        column.justify = "right"
    for name in vars(found):
        difference = f"{differences[name]:+.2%}" if name in differences else ""
        shown.add_row(name.replace("_", " "), _text(getattr(found, name)), _text(getattr(published, name)), difference)
    return shown


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.1%}"
