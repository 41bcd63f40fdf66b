"""Whether committed results hold together: their pages and differences follow from the cells that they keep."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mos_tf.errors import DataError
from mos_tf.study import ablations, tables
from mos_tf.study.differences import pooled
from mos_tf.study.measures import RESAMPLED
from mos_tf.study.routing_figures import Figure
from mos_tf.study.routing_report import routing_table


def check_results(directory: Path) -> list[Path]:
    """Returns the results found in a directory, each with what it tells checked against what it keeps.

    Raises:
        DataError: there are none; one is no JSON of a study; or its page or its differences say other than its cells.
    """
    paths = sorted(directory.rglob("*.json"))
    if not paths:
        raise DataError(f"results are JSON files of `mos bench`. Received: none in {directory}")
    for path in paths:
        try:
            problem = _problem(json.loads(path.read_text(encoding="utf-8")), path.with_suffix(".md"))
        except (OSError, ValueError, KeyError) as error:
            problem = " ".join(f"{type(error).__name__}: {error}".split())
        if problem:
            raise DataError(f"a result follows from its cells. Received: {path}: {problem}; write it again: mos bench")
    return paths


def _problem(content: Mapping[str, Any], page: Path) -> str | None:
    if "routings" in content:
        judged = {
            (of["way"], of["num_themes"]): {name: Figure(**figure) for name, figure in of["figures"].items()}
            for of in content["routings"]
        }
        table = routing_table(judged)
    elif "cells" in content:
        grid = tables.grid_of(_as_measured(cell) for cell in content["cells"])
        table = tables.quality_table(grid)
        if differing := _differing(content["differences"], grid):
            return f"the difference of {differing} is not that of its cells"
    else:
        return "it holds neither cells nor routings"
    return None if table in page.read_text(encoding="utf-8") else f"the table of {page.name} is not that of its cells"


def _as_measured(cell: Mapping[str, Any]) -> dict[str, Any]:
    """A cell as it was before its resamples were left out, the sample itself in their place."""
    return {**cell, "resampled": {metric: [cell["test"][metric]] * 2 for metric in RESAMPLED}}


def _differing(told: list[Mapping[str, Any]], grid: tables.Grid) -> str | None:
    """Returns the first comparison whose mean or seeds are not those of the cells, or that the cells do not allow."""
    compared = dict([*tables.comparisons(grid), *ablations.comparisons(grid)])
    for difference in told:
        pairs = compared.get(difference["comparison"])
        if pairs is None:
            return difference["comparison"]
        for metric in RESAMPLED:
            found, of = pooled(pairs, metric), difference[metric]
            if not np.allclose([found.value, *found.by_seed], [of["value"], *of["by_seed"]], rtol=0, atol=1e-9):
                return difference["comparison"]
    return None
