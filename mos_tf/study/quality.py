"""Runs a study by a plan: trials with the first seed, then the other seeds with the best of them."""

from pathlib import Path
from typing import NamedTuple

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mos_tf.study.cell import Cell, Result
from mos_tf.study.config import StudyConfig
from mos_tf.study.data import TRUE_THEME, StudyData, prepare
from mos_tf.study.measures import RESAMPLED
from mos_tf.study.peer import Peer
from mos_tf.study.peers import PEERS
from mos_tf.study.plan import Plan, wants_row
from mos_tf.study.run import Job, best_trial, run_cells
from mos_tf.study.timing import Timing, timed
from mos_tf.study.variants import ROWS

SOURCES = Path("build/data")


class Ran(NamedTuple):
    """A study that has run.

    Attributes:
        results: what the tables show: of each row one run a seed, all with the trial best on validation.
        timings: how long each row takes, one an encoder.
        seconds: of a core, the other trials included.
    """

    results: list[Result]
    timings: list[Result]
    seconds: float


def run_study(config: StudyConfig, plan: Plan, directory: Path, processes: int, sources: Path = SOURCES) -> Ran:
    """Runs what a plan has and a directory has not yet: trials, seeds, and last of all, one at a time, the timings.

    Args:
        config: of the study, limited by the plan.
        plan: which cells and peers.
        directory: gets, by the study's fingerprint, `data` and one JSON a run; what is there is not made again.
        processes: at a time.
        sources: where fetched and made logs are kept.

    Raises:
        DataError: the log cannot be read, or teaches no themes.
        CellError: a cell raised.
    """
    directory = directory / config.fingerprint
    data = prepare(config, directory / "data", sources)
    rows: dict[Job, int] = {
        Peer(name=name, seed=0): number for name, number in plan.peers.items() if has_peer(data, name)
    }
    timings: list[Job] = []
    for encoder in plan.encoders:
        kept = {row: number for row, number in plan.rows_of(encoder, config.once).items() if has_row(data, row)}
        rows |= {Cell(encoder=encoder, variant=row, seed=0): number for row, number in kept.items()}
        timings.append(Timing(encoder=encoder, rows=tuple(kept)))
    # Trial by trial, since two trials of a row begin alike: side by side one would wait for the other's start.
    trials = [_change(job, trial=trial) for trial in range(plan.trials) for job in rows]
    tried = _run("trials", trials, directory, processes)
    chosen = []
    for place, (job, number) in enumerate(rows.items()):
        best = best_trial(tried[place :: len(rows)])
        chosen += [_change(job, seed=seed, trial=best) for seed in range(number)]
    results = _run("seeds", chosen, directory, processes)
    times = _run("times", timings, directory, processes=1)
    run = zip([*trials, *chosen, *timings], [*tried, *results, *times], strict=True)
    seconds = {job: result["seconds"] for job, result in run}  # the best trial is the first seed
    return Ran(timed(results, times), times, sum(seconds.values()))


def _change(job: Job, **fields: int) -> Job:
    return job.model_copy(update=fields)


def has_peer(data: StudyData, name: str) -> bool:
    """Whether the study wants a floor or peer, its package is installed, and the data knows what it takes."""
    wanted = data.config.peers
    return (wanted is None or name in wanted) and PEERS[name].can_score(data)


def has_row(data: StudyData, row: str) -> bool:
    """Whether the study wants a row of the tables, and the items have what a row groups by, and enough of it."""
    if not wants_row(data.config, row):
        return False
    variant = ROWS[row]
    if variant.grouping == "learned" and max(data.num_themes) < variant.mixture.get("num_themes", 0):
        return False
    columns = {"truth": (TRUE_THEME,), "hierarchy": data.config.hierarchy}.get(variant.grouping)
    return columns is None or any(data.group_of(data.spec.theme_token, column) is not None for column in columns)


def _run(name: str, cells: list[Job], directory: Path, processes: int) -> list[Result]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as progress:
        done = sum((directory / "cells" / cell.file_name).is_file() for cell in cells)
        task = progress.add_task(name, total=len(cells), completed=done)

        def told(cell: Job, result: Result) -> None:
            reached = [f"{name.upper()} {result['test'][name]:.4f}, " for name in RESAMPLED if "test" in result]
            line = f"{cell.run_name}: {''.join(reached)}{result['seconds']:.0f} s"
            progress.console.print(line, highlight=False, soft_wrap=True)
            progress.advance(task)

        return run_cells(cells, directory / "data", directory / "cells", processes=processes, told=told)
