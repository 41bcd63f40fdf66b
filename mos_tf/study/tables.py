"""Tables of a study in Markdown: how good each row is, what it costs, and how much better ours is."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mos_tf.study.differences import Difference, Runs, difference, pooled
from mos_tf.study.measures import RESAMPLED

Result = Mapping[str, Any]
Grid = dict[str, dict[str, list[Result]]]  # encoder → row → runs, one a seed

OURS = {"plain": "MoS", "plain + affinity": "MoS + affinity"}


def grid_of(results: Iterable[Result]) -> Grid:
    """Sorts results by encoder and row, in the order they come; peers have the empty encoder."""
    grid: Grid = defaultdict(lambda: defaultdict(list))
    for result in results:
        grid[result["encoder"]][result["variant"]].append(result)
    return {encoder: dict(rows) for encoder, rows in grid.items()}


def runs_of(results: Iterable[Result]) -> Runs:
    """Returns the values on resampled users, by seed."""
    return {result["seed"]: result["resampled"] for result in results}


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table; the first column is text, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def quality_table(grid: Grid) -> str:
    """Returns what every row reached on the test requests and what it costs, mean ± standard deviation over seeds."""
    header = [
        "", "seeds", "AUC", "GAUC", "log loss", "calibration", "multiply-adds", "parameters", "step, ms", "answer, ms"
    ]  # fmt: skip
    rows = []
    for encoder, variants in grid.items():
        for variant, results in variants.items():
            tests, prices = ([result[part] for result in results] for part in ("test", "price"))
            rows.append(
                [
                    f"{encoder}: {variant}" if encoder else variant,
                    str(len(results)),
                    *(_spread([test[name] for test in tests if name in test], 4) for name in ("auc", "gauc")),
                    *(
                        _spread([test[name] for test in tests if name in test], 3)
                        for name in ("log_loss", "calibration")
                    ),
                    _millions([price.get("multiply_adds") for price in prices]),
                    _thousands([price.get("parameters") for price in prices]),
                    *(_median([price.get(name) for price in prices]) for name in ("step_ms", "answer_ms")),
                ]
            )
    return markdown(header, rows)


def difference_table(grid: Grid) -> str:
    """Returns how much better ours is than every other row with as much affinity, and than the peers."""
    header = ["", *(f"{metric.upper()} {kind}" for metric in RESAMPLED for kind in ("difference", "relative, %"))]
    rows = []
    for name, ours, theirs in comparisons(grid):
        compared = [difference(runs_of(ours), runs_of(theirs), metric) for metric in RESAMPLED]
        rows.append([name, *(cell for d in compared for cell in _told(d))])
    for name, pairs in pooled_comparisons(grid):
        compared = [pooled(pairs, metric) for metric in RESAMPLED]
        rows.append([f"**{name}**", *(cell for d in compared for cell in _told(d))])
    return markdown(header, rows)


def comparisons(grid: Grid) -> list[tuple[str, list[Result], list[Result]]]:
    """Returns (name, our runs, their runs) of every row to compare ours with, encoder by encoder."""
    found = []
    for encoder, variants in grid.items():
        for ours, other in _pairs(variants):
            found.append((f"{encoder}: {ours} − {other}", variants[ours], variants[other]))
        if encoder and OURS["plain + affinity"] in variants:
            ours = OURS["plain + affinity"]
            for peer, results in grid.get("", {}).items():
                found.append((f"{encoder}: {ours} − {peer}", variants[ours], results))
    return found


def pooled_comparisons(grid: Grid) -> list[tuple[str, list[tuple[Runs, Runs]]]]:
    """Returns (name, pairs of runs) of every comparison that several encoders have, to be pooled over them."""
    pairs = defaultdict(list)
    for encoder, variants in grid.items():
        for ours, other in _pairs(variants) if encoder else ():
            pairs[f"all encoders: {ours} − {other}"].append((runs_of(variants[ours]), runs_of(variants[other])))
    return [(name, found) for name, found in pairs.items() if len(found) > 1]


def _pairs(variants: Iterable[str]) -> list[tuple[str, str]]:
    """Returns (ours, other) of the rows that know as much as ours."""
    names = list(variants)
    return [
        (ours, other)
        for ours in OURS.values()
        if ours in names
        for other in names
        if other != ours and ("+ affinity" in other) == ("+ affinity" in ours)
    ]


def _told(d: Difference) -> list[str]:
    return [
        f"{d.value:+.4f} [{d.lower:+.4f}, {d.upper:+.4f}]",
        f"{100 * d.relative:+.2f} [{100 * d.relative_lower:+.2f}, {100 * d.relative_upper:+.2f}]",
    ]


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return ""
    deviation = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{deviation}"


def _median(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.median(known):.1f}" if known else ""


def _millions(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known) / 1e6:.2f} M" if known else ""


def _thousands(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known) / 1e3:,.0f} k" if known else ""
