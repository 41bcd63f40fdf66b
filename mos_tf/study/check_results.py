"""Whether committed results hold together: their pages and differences follow from the cells that they keep."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mos_tf.errors import DataError
from mos_tf.study import ablations, tables
from mos_tf.study.archive import read_archive
from mos_tf.study.cell import Cell
from mos_tf.study.config import StudyConfig
from mos_tf.study.differences import pooled
from mos_tf.study.measures import RESAMPLED
from mos_tf.study.peer import Peer
from mos_tf.study.routing_figures import Figure
from mos_tf.study.routing_report import routing_table


def check_results(directory: Path) -> list[Path]:
    """Returns the results found in a directory, each with what it tells checked against the cells beside it.

    Raises:
        DataError: there are none; one is no JSON of a study; its cells (`<study>.zip`) are not there or other than what
            it says of them; or its page or its differences say other than its cells.
    """
    paths = sorted(directory.rglob("*.json"))
    if not paths:
        raise DataError(f"results are JSON files of `mos bench`. Received: none in {directory}")
    for path in paths:
        try:
            problem = _problem(json.loads(path.read_text(encoding="utf-8")), path)
        except (OSError, ValueError, KeyError, DataError) as error:
            problem = " ".join(f"{type(error).__name__}: {error}".split())
        if problem:
            raise DataError(f"a result follows from its cells. Received: {path}: {problem}; write it again: mos bench")
    return paths


def _problem(content: Mapping[str, Any], path: Path) -> str | None:
    if "routings" in content:
        judged = {
            (of["way"], of["num_themes"]): {name: Figure(**figure) for name, figure in of["figures"].items()}
            for of in content["routings"]
        }
        table = routing_table(judged)
    elif "cells" in content:
        config = StudyConfig.model_validate(content["study"])
        kept = read_archive(path.with_name(f"{config.name}.zip"), config.fingerprint)
        if strange := next((cell for cell in content["cells"] if not _is_kept(cell, kept)), None):
            row = tables.title(strange["encoder"], strange["variant"])
            return f"{row}, seed {strange['seed']}, is not what was kept"
        grid = tables.grid_of({**cell, "resampled": kept[_file_name(cell)]["resampled"]} for cell in content["cells"])
        table = tables.quality_table(grid)
        if differing := _differing(content["differences"], grid):
            return f"the difference of {differing} is not that of its cells"
    else:
        return "it holds neither cells nor routings"
    page = path.with_suffix(".md")
    return None if table in page.read_text(encoding="utf-8") else f"the table of {page.name} is not that of its cells"


def _file_name(cell: Mapping[str, Any]) -> str:
    run = {"seed": cell["seed"], "trial": cell["trial"]}
    if not cell["encoder"]:
        return Peer(name=cell["variant"], **run).file_name
    return Cell(encoder=cell["encoder"], variant=cell["variant"], **run).file_name


def _is_kept(cell: Mapping[str, Any], kept: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether an archive has a cell with all that is told of it, but for what is derived: the speed."""
    found = kept.get(_file_name(cell), {})
    told = {**cell, "price": {name: value for name, value in cell["price"].items() if name != "examples_a_second"}}
    return told == {name: value for name, value in found.items() if name != "resampled"}


def _differing(told: list[Mapping[str, Any]], grid: tables.Grid) -> str | None:
    """Returns the first comparison whose figures are not those of the cells, or that the cells do not allow."""
    compared = dict([*tables.comparisons(grid), *ablations.comparisons(grid)])
    for difference in told:
        pairs = compared.get(difference["comparison"])
        if pairs is None:
            return difference["comparison"]
        for metric in RESAMPLED:
            found, of = (_figures(values) for values in (asdict(pooled(pairs, metric)), difference[metric]))
            if not np.allclose(found, of, rtol=0, atol=1e-9):
                return difference["comparison"]
    return None


def _figures(difference: Mapping[str, Any]) -> list[float]:
    return [*difference["by_seed"], *(value for name, value in difference.items() if name != "by_seed")]
