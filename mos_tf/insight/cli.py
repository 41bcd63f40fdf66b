"""`mos insight`: the report of a run."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Draw what a run learned: figures and the report.")


@app.callback()
def insight() -> None:
    """Draw what a run learned: figures and the report."""


@app.command()
def report(
    demo: Annotated[Path, typer.Option(help="Where the run wrote its results and data.")] = Path("build/demo"),
    data: Annotated[Path | None, typer.Option(help="Data directory; default DEMO/data.")] = None,
    results: Annotated[Path | None, typer.Option(help="Directory of the result files; default DEMO/results.")] = None,
    rankings: Annotated[
        Path | None, typer.Option(help="What `mos rank --json` printed; default DEMO/rankings.json, if any.")
    ] = None,
    users: Annotated[
        str, typer.Option(help="Whose timelines, by id, separated by commas; the page shows these ids. Default: three.")
    ] = "",
    output: Annotated[Path | None, typer.Option(help="The page to write; default DEMO/report.html.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Also write a summary as a PNG image.")] = None,
) -> None:
    """Write a self-contained HTML page: data, training, quality, themes, timelines, ranked items, pipeline.

    Example: mos insight report --demo build/demo --rankings build/demo/rankings.json
    """
    from rich.console import Console

    from mos_tf.insight.picture import write_picture
    from mos_tf.insight.report import write_report
    from mos_tf.insight.run import Run

    console = Console()
    output = output or demo / "report.html"
    ranked = demo / "rankings.json"
    with console.status("reading the run"):
        run = Run.read(
            results=results or demo / "results",
            data=data or demo / "data",
            rankings=rankings or (ranked if ranked.exists() else None),
            users=[user for user in users.split(",") if user],
        )
    with console.status("drawing"):
        write_report(run, output, command=shlex.join(["mos", *sys.argv[1:]]))
        if picture:
            write_picture(run, picture)
    for path in filter(None, (output, picture)):
        console.print(f"{path}: written", highlight=False)
