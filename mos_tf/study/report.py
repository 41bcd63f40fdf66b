"""What a study leaves: one JSON of all that was measured, a page in Markdown and a picture."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mos_tf.study import ablations, tables
from mos_tf.study.config import StudyConfig
from mos_tf.study.differences import pooled
from mos_tf.study.figure import trade_off
from mos_tf.study.measures import RESAMPLED, RESAMPLES
from mos_tf.study.provenance import made_by, versions
from mos_tf.study.quality import Ran

Differences = Sequence[Mapping[str, Any]]
Maker = Mapping[str, str | int | None]  # see `made_by`

_COMMIT = 12  # digits of a commit that a page shows
ABLATIONS = "-ablations"  # how the names of their pages end


def write_report(config: StudyConfig, ran: Ran, out: Path, *, command: str, left_out: Sequence[str]) -> list[Path]:
    """Writes `<study>.json`, `<study>.md` and `<study>.png` and returns their paths.

    Args:
        config: of the study.
        ran: what it found.
        out: directory.
        command: how to repeat it.
        left_out: what the budget did not pay for, in words.
    """
    grid = tables.grid_of(ran.results)
    provenance = provenance_of(command, ran.seconds, left_out, _makers(ran))
    chart = trade_off(grid, config.title)
    picture = out / f"{config.name}.png"
    page = _page(config.title, grid, tables.comparisons(grid), provenance) + f"![{chart.alt}]({picture.name})\n"
    content = _content(config, ran, tables.comparisons(grid), provenance)
    paths = write_pages(out / config.name, content, page)
    chart.png(picture, dpi=110)
    return [*paths, picture]


def write_ablations(config: StudyConfig, ran: Ran, out: Path, *, command: str, left_out: Sequence[str]) -> list[Path]:
    """Writes `<study>-ablations.json` and `<study>-ablations.md` and returns their paths; see `write_report`."""
    grid = tables.grid_of(ran.results)
    compared = ablations.comparisons(grid)
    provenance = provenance_of(command, ran.seconds, left_out, _makers(ran))
    page = _page(f"{config.title}: one change at a time", grid, compared, provenance)
    return write_pages(out / f"{config.name}{ABLATIONS}", _content(config, ran, compared, provenance), page)


def write_pages(path: Path, content: Mapping[str, Any], page: str) -> list[Path]:
    """Writes a JSON and a page in Markdown, and returns their paths.

    Args:
        path: of both, without a suffix.
        content: of the JSON.
        page: the other.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    paths = [path.with_name(path.name + suffix) for suffix in (".json", ".md")]
    paths[0].write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    paths[1].write_text(page, encoding="utf-8")
    return paths


def provenance_of(
    command: str, seconds: float, left_out: Sequence[str] = (), makers: Sequence[Maker] = ()
) -> dict[str, Any]:
    """Returns how to repeat what was measured, with what it was measured, by default here, and what it took."""
    return {
        "command": command,
        "made_by": list(makers) or [made_by()],
        "versions": versions("tensorflow", "keras", "scikit-learn", "numpy"),
        "core_seconds": round(seconds),
        "left_out": list(left_out),
    }


def differences_of(compared: Sequence[tables.Comparison]) -> Differences:
    """Returns every figure of every comparison."""
    return [
        {"comparison": name, **{metric: asdict(pooled(pairs, metric)) for metric in RESAMPLED}}
        for name, pairs in compared
    ]


def heading(title: str, provenance: Mapping[str, Any]) -> str:
    """Returns the title of a page and where its numbers come from."""
    commits: dict[str, list[str]] = {}
    for maker in provenance["made_by"]:
        machine = f"{maker['cores']} cores of {maker['cpu']}"
        commits.setdefault(machine, []).append((maker["commit"] or "unknown")[:_COMMIT])
    makers = "; ".join(f"commit {', '.join(of)} on {machine}" for machine, of in commits.items())
    left_out = "".join(f"- left out: {what}\n" for what in provenance["left_out"])
    hours = provenance["core_seconds"] / 3600
    return f"# {title}\n\n`{provenance['command']}`, {hours:.1f} hours of one core; {makers}.\n\n{left_out}\n"


def _page(title: str, grid: tables.Grid, compared: Sequence[tables.Comparison], provenance: Mapping[str, Any]) -> str:
    return (
        f"{heading(title, provenance)}"
        f"## Quality and price\n\n"
        "Test requests; mean ± standard deviation over seeds. Multiply-adds of a request with all its candidates. "
        "Milliseconds are medians of processor time, in one thread, for a batch and for a single request; the rows of "
        "an encoder took the same ones in turns, so that their ratios hold. Those of peers were taken as they were "
        "trained: an order of magnitude.\n\n"
        f"{tables.quality_table(grid)}\n"
        f"{tables.kept_as_begun(grid)}"
        f"## Differences\n\n"
        f"Paired by seed; in brackets the 95 % interval over users and seeds ({RESAMPLES} resamples), of rows with one "
        "seed over users alone.\n\n"
        f"{tables.difference_table(compared)}\n"
    )


def _content(
    config: StudyConfig, ran: Ran, compared: Sequence[tables.Comparison], provenance: Mapping[str, Any]
) -> dict[str, Any]:
    cells = [{key: value for key, value in result.items() if key != "resampled"} for result in ran.results]
    return {
        **provenance,
        "study": config.model_dump(mode="json"),
        "differences": differences_of(compared),
        "cells": cells,
        "timings": ran.timings,
    }


def _makers(ran: Ran) -> list[Maker]:
    """Returns what made the results, each maker once."""
    made = [*ran.results, *ran.timings]
    return [json.loads(maker) for maker in dict.fromkeys(json.dumps(result["made_by"]) for result in made)]
