"""How fast and how lean the model library is, beside padded Keras and other mixtures.

    make bench-layers
    python -m benchmarks.layers compare --only training/DIN

Every case is a process of its own in which the two sides take turns. Speed is measured here, not asserted: a bar that
is not met is shown, and is no failure. Writes `layers.json` and `layers.svg`.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from mos_tf.errors import DataError
from mos_tf.quiet import quiet_imports

with quiet_imports():
    from benchmarks.layers import training
    from benchmarks.layers.cases import CASES

from benchmarks.layers.chart import draw
from benchmarks.layers.processes import CaseError, in_own_process
from benchmarks.layers.report import Found, kept, rows_of, table, write
from benchmarks.layers.sizes import FULL, QUICK

app = typer.Typer(help=__doc__)
Quick = Annotated[bool, typer.Option("--quick", help="Tiny sizes, one round: tries the benchmark, measures nothing.")]


@app.command()
def compare(
    only: Annotated[list[str] | None, typer.Option(help="A case to measure again; the others' results stay.")] = None,
    out: Annotated[Path, typer.Option(help="JSON file to write; the chart goes beside it.")] = Path(
        "benchmarks/results/layers.json"
    ),
    quick: Quick = False,
) -> None:
    """Measure every case, or some, and show each finding beside its bar."""
    console = Console()
    sizes = QUICK if quick else FULL
    try:
        wanted = [_known(case) for case in only or CASES]
        cases: Found = kept(out) if only else {}
    except DataError as error:
        raise SystemExit(f"error: {error}") from None
    broken = []
    for case in track(wanted, "measuring", console=console):
        load = round(os.getloadavg()[0], 1)
        try:
            rows = in_own_process(["run", case], sizes)
        except CaseError as error:
            broken.append(str(error))
            continue
        now = datetime.now(UTC).isoformat(timespec="seconds")
        cases[case] = [{**row, "measured_at": now, "load_before": load} for row in rows]
    cases = {case: cases[case] for case in CASES if case in cases}
    write(out, cases)
    rows = rows_of(cases)
    draw(rows, out.with_suffix(".svg"))
    console.print(table(rows), f"written: {out}, {out.with_suffix('.svg')}")
    if broken:
        raise SystemExit("\n".join(broken))


@app.command()
def run(case: str, quick: Quick = False) -> None:
    """Measure one case and print its rows as one line of JSON: a child of `compare`."""
    try:
        measure = CASES[_known(case)]
    except DataError as error:
        raise SystemExit(f"error: {error}") from None
    print(json.dumps([row.to_json() for row in measure(QUICK if quick else FULL)]))


@app.command()
def peak(name: str, side: str, quick: Quick = False) -> None:
    """Print the MB that training steps of one side need: a child of `run memory/…`."""
    print(json.dumps(training.peak(name, side, QUICK if quick else FULL)))


def _known(case: str) -> str:
    if case not in CASES:
        raise DataError(f"a case is one of those of this benchmark. Received: {case}; known: {', '.join(CASES)}")
    return case


if __name__ == "__main__":
    app()
