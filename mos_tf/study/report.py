"""What a study leaves: one JSON of all that was measured, a page in Markdown and a picture."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mos_tf.study import tables
from mos_tf.study.config import StudyConfig
from mos_tf.study.differences import difference, pooled
from mos_tf.study.figure import trade_off
from mos_tf.study.measures import RESAMPLED, RESAMPLES
from mos_tf.study.provenance import commit, machine, versions


def write_report(
    config: StudyConfig, results: Sequence[Mapping[str, Any]], out: Path, *, command: str, left_out: Sequence[str]
) -> list[Path]:
    """Writes `<study>.json`, `<study>.md` and `<study>.png` and returns their paths.

    Args:
        config: of the study.
        results: of its cells.
        out: directory.
        command: how to repeat it.
        left_out: what the budget did not pay for, in words.
    """
    out.mkdir(parents=True, exist_ok=True)
    grid = tables.grid_of(results)
    paths = [out / f"{config.name}{suffix}" for suffix in (".json", ".md", ".png")]
    provenance = {
        "command": command,
        "commit": commit(),
        "machine": machine(),
        "versions": versions("tensorflow", "keras", "scikit-learn", "numpy"),
        "cell_seconds": round(sum(result["seconds"] for result in results)),
        "left_out": list(left_out),
    }
    paths[0].write_text(json.dumps(_content(config, results, grid, provenance), indent=1) + "\n", encoding="utf-8")
    chart = trade_off(grid, config.title)
    chart.png(paths[2], dpi=110)
    paths[1].write_text(_page(config, grid, provenance, paths[2].name, chart.alt), encoding="utf-8")
    return paths


def _content(
    config: StudyConfig, results: Sequence[Mapping[str, Any]], grid: tables.Grid, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    compared = [
        {
            "comparison": name,
            **{metric: asdict(difference(tables.runs_of(a), tables.runs_of(b), metric)) for metric in RESAMPLED},
        }
        for name, a, b in tables.comparisons(grid)
    ]
    compared += [
        {"comparison": name, **{metric: asdict(pooled(pairs, metric)) for metric in RESAMPLED}}
        for name, pairs in tables.pooled_comparisons(grid)
    ]
    cells = [{key: value for key, value in result.items() if key != "resampled"} for result in results]
    return {**provenance, "study": config.model_dump(mode="json"), "differences": compared, "cells": cells}


def _page(config: StudyConfig, grid: tables.Grid, provenance: Mapping[str, Any], picture: str, alt: str) -> str:
    made, hours = provenance["machine"], provenance["cell_seconds"] / 3600
    left_out = "".join(f"- left out: {what}\n" for what in provenance["left_out"])
    return (
        f"# {config.title}\n\n"
        f"`{provenance['command']}`, commit {provenance['commit'] or 'unknown'}, "
        f"{made['cores']} cores of {made['cpu']}, {hours:.1f} hours of one core.\n\n{left_out}\n"
        f"## Quality and price\n\n"
        "Test requests; mean ± standard deviation over seeds. Multiply-adds of a request with all its candidates; "
        "milliseconds beside other processes, to be compared within a table only.\n\n"
        f"{tables.quality_table(grid)}\n"
        f"## Differences\n\n"
        f"Paired by seed; in brackets the 95 % interval over users ({RESAMPLES} resamples).\n\n"
        f"{tables.difference_table(grid)}\n"
        f"![{alt}]({picture})\n"
    )
