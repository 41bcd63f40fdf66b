"""The results on disk and on the terminal."""

import json
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from benchmarks.layers.results import Row
from mos_tf.errors import DataError
from mos_tf.study.provenance import commit, machine, versions

Found = dict[str, list[dict]]  # by case: rows, each with its time of measurement

_MARKS = {True: "[green]met[/]", False: "[red]not met[/]", None: "[dim]reported[/]"}


def measured_on() -> dict[str, dict]:
    """Returns the machine and the versions that results hold for."""
    return {"machine": machine(), "versions": versions("tensorflow", "keras", "numpy")}


def kept(path: Path) -> Found:
    """Returns the cases of a results file, to be measured again in part.

    Raises:
        DataError: it is not there, or was measured elsewhere.
    """
    if not path.exists():
        raise DataError(f"--only adds to results that are there. Received: no {path}; measure everything first")
    results = json.loads(path.read_text(encoding="utf-8"))
    here = measured_on()
    there = {name: results[name] for name in here}
    if there != here:
        raise DataError(
            f"ratios of one file are of one machine and its versions. Received: {path} of {there}, "
            f"here {here}; measure everything"
        )
    return results["cases"]


def write(path: Path, cases: Mapping[str, list[dict]]) -> None:
    """Writes the file beside, then renames it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".partial")
    results = {"command": "make bench-layers", "commit": commit(), **measured_on(), "cases": dict(cases)}
    beside.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


def rows_of(cases: Mapping[str, list[dict]]) -> list[Row]:
    """Returns the rows of all cases."""
    return [Row.from_json(row) for rows in cases.values() for row in rows]


def table(rows: list[Row]) -> Table:
    """Shows every row beside its bar."""
    shown = Table("group", "subject", "quantity", "median", "lowest – highest", "wanted", "")
    group = ""
    for row in rows:
        if row.group != group:
            shown.add_section()
        value = row.value
        shown.add_row(
            row.group if row.group != group else "",
            row.subject,
            row.quantity,
            f"{value.median:.3g}",
            f"{value.lowest:.3g} – {value.highest:.3g}",
            f"{row.bar.comparison} {row.bar.value:g}" if row.bar else "",
            _MARKS[row.met],
        )
        group = row.group
    return shown
