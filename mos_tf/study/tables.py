"""Tables of a study in Markdown: how good each row is, what it costs, and how much better ours is."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mos_tf.study.differences import Difference, Runs, pooled
from mos_tf.study.measures import RESAMPLED

Result = Mapping[str, Any]
Grid = dict[str, dict[str, list[Result]]]  # encoder → row → runs, one a seed
Comparison = tuple[str, list[tuple[Runs, Runs]]]  # name, and the pairs of rows whose differences are its mean

# The plain encoder and ours, for each of what rows may know: nothing of matches, how many, how similar, too, label
# rates besides, and products of all these.
OURS = {
    "plain": "MoS",
    "plain + counts": "MoS + counts",
    "plain + affinity": "MoS + affinity",
    "plain + affinity + priors": "MoS + affinity + priors",
    "plain + affinity + crosses": "MoS + affinity + crosses",
}
_KNOWN = (" + counts", " + affinity + priors", " + affinity + crosses", " + affinity")
_DEFAULT = OURS["plain + affinity"]  # all that a ranker knows unless it is told otherwise


def grid_of(results: Iterable[Result]) -> Grid:
    """Sorts results by encoder and row, in the order they come; peers have the empty encoder."""
    grid: Grid = defaultdict(lambda: defaultdict(list))
    for result in results:
        grid[result["encoder"]][result["variant"]].append(result)
    return {encoder: dict(rows) for encoder, rows in grid.items()}


def runs_of(results: Iterable[Result]) -> Runs:
    """Returns the values on resampled users, by seed."""
    return {result["seed"]: result["resampled"] for result in results}


def title(encoder: str, variant: str) -> str:
    """Returns what a row is called."""
    return f"{encoder}: {variant}" if encoder else variant


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table; the first column is text, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def quality_table(grid: Grid) -> str:
    """Returns what every row reached on the test requests and what it costs, mean ± standard deviation over seeds."""
    header = [
        "", "seeds", "AUC", "GAUC", "log loss", "calibration", "multiply-adds", "parameters", "step, ms",
        "examples/s", "answer, ms",
    ]  # fmt: skip
    rows = []
    for encoder, variants in grid.items():
        for variant, results in variants.items():
            tests, prices = ([result[part] for result in results] for part in ("test", "price"))
            rows.append(
                [
                    title(encoder, variant),
                    str(len(results)),
                    *(_spread([test[name] for test in tests if name in test], 4) for name in ("auc", "gauc")),
                    *(
                        _spread([test[name] for test in tests if name in test], 3)
                        for name in ("log_loss", "calibration")
                    ),
                    _millions([price.get("multiply_adds") for price in prices]),
                    _thousands([price.get("parameters") for price in prices]),
                    _median([price.get("step_ms") for price in prices]),
                    _median([price.get("examples_a_second") for price in prices], ",.0f"),
                    _median([price.get("answer_ms") for price in prices]),
                ]
            )
    return markdown(header, rows)


def kept_as_begun(grid: Grid) -> str:
    """Returns a paragraph on the rows of which trainings were kept as before the first step; "" without any.

    Cells that earlier versions have written do not tell, and are not counted.
    """
    rows = []
    for encoder, variants in grid.items():
        for variant, results in variants.items():
            kept = [result["kept"] for result in results if "kept" in result]
            if 0 in kept:
                rows.append(f"{title(encoder, variant)} ({kept.count(0)} of {len(kept)})")
    told = "The state before the first step ranked validation best and was kept, so that no encoder has a say, in "
    return f"{told}{'; '.join(rows)}.\n\n" if rows else ""


def difference_table(compared: Iterable[Comparison]) -> str:
    """Returns how much better the first row of each comparison is than the second; what is pooled is bold."""
    header = ["", *(f"{metric.upper()} {kind}" for metric in RESAMPLED for kind in ("difference", "relative, %"))]
    rows = []
    for name, pairs in compared:
        differences = [pooled(pairs, metric) for metric in RESAMPLED]
        rows.append([f"**{name}**" if len(pairs) > 1 else name, *(cell for d in differences for cell in _told(d))])
    return markdown(header, rows)


def comparisons(grid: Grid) -> list[Comparison]:
    """Returns ours and every row to compare it with: encoder by encoder, then those of several encoders pooled."""
    found, over_encoders = [], defaultdict(list)
    for encoder, variants in grid.items():
        for ours, other in _pairs(variants):
            pair = (runs_of(variants[ours]), runs_of(variants[other]))
            found.append((f"{encoder}: {ours} − {other}", [pair]))
            over_encoders[f"all encoders: {ours} − {other}"].append(pair)
        found += [
            (f"{encoder}: {ours} − {peer}", [(runs_of(variants[ours]), runs_of(results))])
            for peer, results in (grid.get("", {}).items() if encoder else ())
            for ours in _ours_for(peer)
            if ours in variants
        ]
    return found + [(name, pairs) for name, pairs in over_encoders.items() if len(pairs) > 1]


def _pairs(variants: Iterable[str]) -> list[tuple[str, str]]:
    """Returns (ours, other) of the rows that know as much as ours, our default and every plain encoder, and what themes
    that mean nothing gain over the latter.
    """
    names = list(variants)
    pairs = [
        (ours, other)
        for ours in OURS.values()
        if ours in names
        for other in names
        if other != ours and (known(other) == known(ours) or (ours == _DEFAULT and other in OURS))
    ]
    by_chance = [(f"{ours}, random themes", plain) for plain, ours in OURS.items()]
    return pairs + [pair for pair in by_chance if set(pair) <= set(names) and OURS[pair[1]] in names]


def _ours_for(peer: str) -> list[str]:
    """Returns which of ours a peer is compared with: our default, what knows as much as the peer, and ours with
    crosses, which learns from ids what label rates tell.
    """
    as_published = [OURS["plain"]] if peer.startswith("FuxiCTR: ") else []
    with_priors = [OURS["plain + affinity + priors"]] if "priors" in peer else []
    return [_DEFAULT, *as_published, *with_priors, OURS["plain + affinity + crosses"]]


def known(row: str) -> str:
    """Returns what a row's name says of what it knows besides the history: " + counts", " + affinity" or the like."""
    return next((told for told in _KNOWN if told in row), "")


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


def _median(values: Sequence[float | None], form: str = ".1f") -> str:
    known = [value for value in values if value is not None]
    return format(np.median(known), form) if known else ""


def _millions(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known) / 1e6:.2f} M" if known else ""


def _thousands(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known) / 1e3:,.0f} k" if known else ""
