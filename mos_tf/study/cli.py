"""`mos bench`: compare models on a log, with intervals and prices."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mos_tf.errors import MosError
from mos_tf.quiet import quiet_imports
from mos_tf.study.config import named, named_studies

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Compare models on a log, with intervals and prices."
)


@app.callback()
def bench() -> None:
    """Compare models on a log, with intervals and prices."""


_PROCESSES = Annotated[int, typer.Option(min=1, help="Models trained at a time, one thread each.")]


@app.command()
def quality(
    study: Annotated[str | None, typer.Argument(help=f"Which study: {', '.join(named_studies())}.")] = None,
    events: Annotated[
        Path | None, typer.Option(help="A log of yours instead: an events file, or a directory with one.")
    ] = None,
    budget: Annotated[str, typer.Option(help="How much time: minutes, hour or night, on 2 cores.")] = "minutes",
    encoder: Annotated[
        list[str] | None, typer.Option(help="Of the budget's encoders, this one alone; repeatable.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Directory for data, cells and the report.")] = Path("build/study"),
    processes: _PROCESSES = 2,
) -> None:
    """Compare encoders alone, in a Mixture of Sequence and in other mixtures, with all controls.

    What has been trained is not trained again: the command goes on where it stopped.

    Example: mos bench quality complete-journey-sampled --budget minutes
    """
    with quiet_imports():
        from mos_tf.study.own_log import study_of
        from mos_tf.study.plan import PLANS, Preset
        from mos_tf.study.quality import run_study
        from mos_tf.study.report import write_report
        from mos_tf.study.tables import difference_table, grid_of

    if (study is None) == (events is None):
        raise MosError(
            f"one log is compared on: a study of {named_studies()}, or a log of yours. Received: study={study}, "
            f"events={events}; give one of them"
        )
    if budget not in list(Preset):
        raise MosError(f"a budget is one of {[*map(str, Preset)]}. Received: {budget!r}")
    plan = PLANS[Preset(budget)]
    if encoder:
        plan = plan.only(encoder)
    left_out = plan.left_out(PLANS[Preset.NIGHT])
    console = Console()
    for what in left_out:
        console.print(f"left out: {what}", soft_wrap=True)
    config = plan.limited(study_of(events, out / "logs" / events.stem) if events else named(str(study)))
    directory = out / budget / config.name
    results = run_study(config, plan, directory, processes)
    command = shlex.join(["mos", *sys.argv[1:]])
    for path in write_report(config, results, directory, command=command, left_out=left_out):
        console.print(f"{path}: written", soft_wrap=True)
    console.print(difference_table(grid_of(results)), markup=False, highlight=False, soft_wrap=True)
