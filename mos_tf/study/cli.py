"""`mos bench`: compare models on a log, with intervals and prices."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mos_tf.errors import MosError
from mos_tf.quiet import quiet_imports
from mos_tf.study.cell import core_seconds
from mos_tf.study.config import StudyConfig, named, named_studies

if TYPE_CHECKING:
    from mos_tf.study.plan import Plan, Preset

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Compare models on a log, with intervals and prices."
)


@app.callback()
def bench() -> None:
    """Compare models on a log, with intervals and prices."""


_Study = Annotated[str | None, typer.Argument(help=f"Which study: {', '.join(named_studies())}.")]
_Events = Annotated[Path | None, typer.Option(help="A log of yours instead: an events file, or a directory with one.")]
_Budget = Annotated[str, typer.Option(help="How much time: minutes, hour or night, on 2 cores.")]
_Out = Annotated[Path, typer.Option(help="Directory for data, cells and the report.")]
_Processes = Annotated[int, typer.Option(min=1, help="Models trained at a time, one thread each.")]
_Cells = Annotated[
    Path | None, typer.Option(help="The cells of an earlier run, <study>.zip, which are not trained again.")
]
_OUT = Path("build/study")


@app.command()
def quality(
    study: _Study = None,
    events: _Events = None,
    budget: _Budget = "minutes",
    encoder: Annotated[
        list[str] | None, typer.Option(help="Of the budget's encoders, this one alone; repeatable.")
    ] = None,
    cells: _Cells = None,
    out: _Out = _OUT,
    processes: _Processes = 2,
) -> None:
    """Compare encoders alone, in a Mixture of Sequence and in other mixtures, with all controls.

    What has been trained is not trained again: the command goes on where it stopped.

    Example: mos bench quality complete-journey-sampled --budget minutes
    """
    with quiet_imports():
        from mos_tf.study.plan import PLANS, Preset
        from mos_tf.study.report import write_report
        from mos_tf.study.tables import comparisons

    plan, config = PLANS[_preset(budget)], _study_of(study, events, out)
    if encoder:
        plan = plan.only(encoder)
    _compare(config, plan, PLANS[Preset.NIGHT], cells, out / budget, processes, comparisons, write_report)


@app.command()
def ablations(
    study: _Study = None,
    events: _Events = None,
    budget: _Budget = "minutes",
    cells: _Cells = None,
    out: _Out = _OUT,
    processes: _Processes = 2,
) -> None:
    """Change one thing at a time about a Mixture of Sequence, and say what that costs or gains.

    What its numbers know is changed with affinity, how its experts work without.

    What has been trained is not trained again. In minutes and an hour that goes for what `quality` has trained, too.

    Example: mos bench ablations generated-hopping --budget minutes
    """
    with quiet_imports():
        from mos_tf.study.ablations import comparisons
        from mos_tf.study.plan import ABLATION_PLANS, Preset
        from mos_tf.study.report import write_ablations

    plan, config = ABLATION_PLANS[_preset(budget)], _study_of(study, events, out)
    _compare(config, plan, ABLATION_PLANS[Preset.NIGHT], cells, out / budget, processes, comparisons, write_ablations)


@app.command()
def routing(
    study: _Study = None,
    events: _Events = None,
    budget: _Budget = "minutes",
    seeds: Annotated[int, typer.Option(min=2, help="Seeds to find themes with; how far they agree is told, too.")] = 3,
    out: _Out = _OUT,
) -> None:
    """Say how good the themes are that events are routed by, beside random ones, before any click is learned from.

    Example: mos bench routing complete-journey-sampled --budget minutes
    """
    with quiet_imports():
        from mos_tf.study.data import prepare
        from mos_tf.study.plan import PLANS
        from mos_tf.study.quality import SOURCES
        from mos_tf.study.routed_events import RoutedEvents
        from mos_tf.study.routing import judge_routing
        from mos_tf.study.routing_report import routing_table, write_routing

    started = core_seconds()
    plan, config = PLANS[_preset(budget)], _study_of(study, events, out)
    config = plan.limited(config)
    directory = out / budget / config.folder
    data = prepare(config, directory / config.fingerprint / "data", SOURCES)
    judged_on = RoutedEvents.of(data)
    judged = judge_routing(data, judged_on, seeds)
    seconds = core_seconds() - started
    paths = write_routing(config, judged, len(judged_on.tokens), directory, command=_command(), seconds=seconds)
    _print_written(paths)
    _print(routing_table(judged))


@app.command()
def check(
    results: Annotated[
        Path | None, typer.Option(help="Also check that results in this directory follow from their cells.")
    ] = None,
    update: Annotated[bool, typer.Option("--update", help="Commit what is measured instead of comparing it.")] = False,
    processes: _Processes = 2,
) -> None:
    """Run a small study again and compare it with the values committed; two minutes on 2 cores.

    Ends with 1 where a value lies outside of its tolerance.

    Example: mos bench check --results benchmarks/quality
    """
    with quiet_imports():
        from mos_tf.study import check as checking
        from mos_tf.study.check_results import check_results

    for path in check_results(results) if results else ():
        _print(f"{path}: follows from its cells")
    committed = None if update else checking.read_committed(checking.COMMITTED)
    started = core_seconds()
    now = checking.measure(processes)
    if committed is None:
        checking.write_committed(checking.COMMITTED, now, _command(), core_seconds() - started)
        _print(f"{checking.COMMITTED}: written")
        return
    checked = checking.compare(committed, now)
    _print(checking.check_table(checked))
    checking.require_agreement(checked)


def _study_of(study: str | None, events: Path | None, out: Path) -> StudyConfig:
    with quiet_imports():
        from mos_tf.study.own_log import folder_of, study_of

    if (study is None) == (events is None):
        raise MosError(
            f"one log is compared on: a study of {named_studies()}, or a log of yours. Received: study={study}, "
            f"events={events}; give one of them"
        )
    return study_of(events, out / "logs" / folder_of(events)) if events else named(str(study))


def _preset(budget: str) -> "Preset":
    from mos_tf.study.plan import Preset

    if budget not in list(Preset):
        raise MosError(f"a budget is one of {[*map(str, Preset)]}. Received: {budget!r}")
    return Preset(budget)


def _compare(
    config: StudyConfig,
    plan: "Plan",
    full: "Plan",
    cells: Path | None,
    directory: Path,
    processes: int,
    comparisons: Callable[[Any], list],
    write: Callable[..., list[Path]],
) -> None:
    """Runs a plan, writes what it found and prints the differences."""
    from mos_tf.study.archive import take_cells, write_archive
    from mos_tf.study.quality import run_study
    from mos_tf.study.tables import difference_table, grid_of

    left_out = plan.left_out(full, config)
    for what in left_out:
        _print(f"left out: {what}")
    config, directory = plan.limited(config), directory / config.folder
    if cells:
        take_cells(cells, directory / config.fingerprint)
    ran = run_study(config, plan, directory, processes)
    pages = write(config, ran, directory, command=_command(), left_out=left_out)
    _print_written([*pages, write_archive(directory / config.fingerprint, pages[0].with_suffix(".zip"))])
    _print(difference_table(comparisons(grid_of(ran.results))))


def _command() -> str:
    return shlex.join(["mos", *sys.argv[1:]])


def _print_written(paths: list[Path]) -> None:
    for path in paths:
        _print(f"{path}: written")


def _print(text: str) -> None:
    Console().print(text, markup=False, highlight=False, soft_wrap=True)
