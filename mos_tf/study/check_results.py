"""Whether committed results hold together: their pages and differences follow from the cells that they keep."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mos_tf.errors import DataError
from mos_tf.study import ablations, tables
from mos_tf.study.archive import file_name_of, read_archive
from mos_tf.study.cell import Result
from mos_tf.study.config import StudyConfig
from mos_tf.study.measures import RESAMPLED
from mos_tf.study.report import ABLATIONS, Differences, differences_of
from mos_tf.study.routing_figures import Figure
from mos_tf.study.routing_report import routing_table
from mos_tf.study.run import best_trial
from mos_tf.study.timing import timed


def check_results(directory: Path) -> list[Path]:
    """Returns the results found in a directory, each with what it tells checked against the cells beside it.

    Raises:
        DataError: there are none; one is no JSON of a study; its cells (the `.zip` of its name) are not there or other
            than what it says of them, or it shows a trial that validation did not choose, or not all seeds of a row;
            its page or its differences say other than its cells; or cells have no page.
    """
    paths = sorted(directory.rglob("*.json"))
    if not paths:
        raise DataError(f"results are JSON files of `mos bench`. Received: none in {directory}")
    for path in paths:
        try:
            problem = _problem(json.loads(path.read_text(encoding="utf-8")), path)
        except (OSError, ValueError, LookupError, TypeError, DataError) as error:
            problem = " ".join(f"{type(error).__name__}: {error}".split())
        if problem:
            raise DataError(f"a result follows from its cells. Received: {path}: {problem}; write it again: mos bench")
    if untold := next(
        (path for path in sorted(directory.rglob("*.zip")) if path.with_suffix(".json") not in paths), None
    ):
        raise DataError(f"cells stand beside a page of their name. Received: {untold} alone; write it again: mos bench")
    return paths


def _problem(content: Mapping[str, Any], path: Path) -> str | None:
    if "routings" in content:
        judged = {
            (of["way"], of["num_themes"]): {name: Figure(**figure) for name, figure in of["figures"].items()}
            for of in content["routings"]
        }
        wanted = [routing_table(judged)]
    elif "cells" in content:
        config = StudyConfig.model_validate(content["study"])
        kept = read_archive(path.with_suffix(".zip"), config.fingerprint)
        if any(timing not in kept.values() for timing in content["timings"]):
            return "a timing is not what was kept"
        if strange := next((cell for cell in content["cells"] if not _is_kept(cell, kept, content["timings"])), None):
            row = tables.title(strange["encoder"], strange["variant"])
            return f"{row}, seed {strange['seed']}, is not what was kept"
        if worse := next((cell for cell in content["cells"] if not _is_chosen(cell, kept.values())), None):
            row = tables.title(worse["encoder"], worse["variant"])
            return f"{row}, seed {worse['seed']}, is of a trial that is not the best of its first seed on validation"
        if hidden := _hidden(content["cells"], kept.values()):
            encoder, row, seed = hidden
            return f"{tables.title(encoder, row)}, seed {seed}, was trained and is not told of"
        grid = tables.grid_of({**cell, "resampled": kept[file_name_of(cell)]["resampled"]} for cell in content["cells"])
        compared = (ablations if path.stem.endswith(ABLATIONS) else tables).comparisons(grid)
        if differing := _differing(content["differences"], differences_of(compared)):
            return f"the difference of {differing} is not that of its cells"
        wanted = [tables.quality_table(grid), tables.kept_as_begun(grid), tables.difference_table(compared)]
    else:
        return "it holds neither cells nor routings"
    page = path.with_suffix(".md")
    told = page.read_text(encoding="utf-8")
    return None if all(table in told for table in wanted) else f"a table of {page.name} is not that of its cells"


def _is_kept(cell: Mapping[str, Any], kept: Mapping[str, Result], timings: Sequence[Result]) -> bool:
    """Whether an archive has a cell with all that is told of it, or it follows: the times of its row."""
    if not (found := kept.get(file_name_of(cell))):
        return False
    (expected,) = timed([found], timings)
    return cell == {name: value for name, value in expected.items() if name != "resampled"}


def _is_chosen(cell: Mapping[str, Any], kept: Iterable[Result]) -> bool:
    """Whether the trial of a cell is that which served the first seed of its row best."""
    first = {"encoder": cell["encoder"], "variant": cell["variant"], "seed": 0}
    tried = [result for result in kept if first.items() <= result.items()]
    return cell["trial"] == best_trial(tried)


def _hidden(cells: Iterable[Mapping[str, Any]], kept: Iterable[Result]) -> tuple[str, str, int] | None:
    """Returns the first encoder, row and seed that is kept but not told, of a row that is told."""
    told = {(cell["encoder"], cell["variant"], cell["seed"]) for cell in cells}
    rows = {(encoder, row) for encoder, row, _ in told}
    trained = ((result["encoder"], result["variant"], result["seed"]) for result in kept if "seed" in result)
    return next((cell for cell in trained if cell[:2] in rows and cell not in told), None)


def _differing(told: Differences, found: Differences) -> str | None:
    """Returns the first comparison that is told and not found, or found and not told, or has other figures."""
    one, other = ({difference["comparison"]: difference for difference in of} for of in (told, found))
    return next(
        (name for name in (*one, *other) if name not in one or name not in other or not _agree(one[name], other[name])),
        None,
    )


def _agree(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(_same_figures(one[metric], other[metric]) for metric in RESAMPLED)


def _same_figures(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all(
        np.shape(one[name]) == np.shape(other[name]) and np.allclose(one[name], other[name], rtol=0, atol=1e-9)
        for name in one
    )
