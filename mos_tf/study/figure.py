"""The picture of a study: what every row gains over the plain encoder against what it multiplies."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from mos_tf.insight.figures.style import ACCENT, CONTRAST, FULL, INK, QUIET, Chart, bare, new_figure, styled
from mos_tf.study.differences import difference
from mos_tf.study.tables import OURS, Grid, known, runs_of

_KINDS = {"plain": "no affinity", "plain + counts": "with counts", "plain + affinity": "with affinity"}
# The same in the picture of every study.
_MARKERS = {
    "capacity control": "s",
    "GShard": "D",
    "DSelect-k": "^",
    "Expert Choice": "v",
    "MoS": "o",
    "MoS, random themes": "X",
    "MoS, global expert alone": ">",
    "MoS, random groups of items": "P",
    "MoS, own tokens": "p",
    "MoS, hierarchy": "h",
    "MoS, true themes": "*",
}


@styled
def trade_off(grid: Grid, title: str) -> Chart:
    """Draws what rows gain in AUC over the plain encoder against their multiply-adds, relative to it.

    Gains are means over seeds with 95 % intervals over users and seeds. A panel is an encoder and what its rows know of
    matches; panels of those that know as much share their scale.
    """
    panels = [(plain, encoder) for plain in _KINDS for encoder in grid if encoder and _compared(grid[encoder], plain)]
    lines = _lines(panels)
    figure = new_figure(FULL, 110 + 250 * len(lines))
    cells = figure.add_gridspec(max(len(lines), 1), max(map(len, lines), default=1))
    first: dict[str, Any] = {}  # of each kind, its first panel
    shown: dict[str, Any] = {}  # row → what the legend draws
    told = []
    for number, line in enumerate(lines):
        for column, (plain, encoder) in enumerate(line):
            leader = first.get(plain)
            axes = figure.add_subplot(cells[number, column], sharex=next(iter(first.values()), None), sharey=leader)
            first.setdefault(plain, axes)
            axes.axhline(0, color=QUIET, linewidth=1)
            (plain_encoder,) = axes.plot(1, 0, "|", color=INK, markersize=9)
            shown.setdefault("plain", plain_encoder)
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.set_title(f"{encoder}, {_KINDS[plain]}", fontsize=10)
            axes.set_xlabel("multiply-adds, plain = 1", fontsize=9)
            axes.margins(x=0.2, y=0.15)
            bare(axes, grid="y")
            axes.tick_params(labelleft=leader is None)
            if column == 0:
                axes.set_ylabel("AUC gained")
            told += _draw(axes, encoder, plain, grid[encoder], shown)
    figure.suptitle(title, color=INK)
    figure.legend(shown.values(), shown, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return Chart(figure, f"{title}. AUC gained: {', '.join(told)}.")


def _lines(panels: Sequence[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Puts the panels of one kind on one line, and short kinds beside each other."""
    kinds = [[panel for panel in panels if panel[0] == plain] for plain in dict.fromkeys(plain for plain, _ in panels)]
    widest = max(map(len, kinds), default=0)
    lines: list[list[tuple[str, str]]] = []
    for kind in kinds:
        if lines and len(lines[-1]) + len(kind) <= widest:
            lines[-1] += kind
        else:
            lines.append(list(kind))
    return lines


def _draw(
    axes: Any, encoder: str, plain: str, rows: Mapping[str, Sequence[Mapping[str, Any]]], shown: dict[str, Any]
) -> list[str]:
    base, told = rows[plain], []
    for row in _compared(rows, plain):
        runs = rows[row]
        gain = difference(runs_of(runs), runs_of(base), "auc")
        price = runs[0]["price"]["multiply_adds"] / base[0]["price"]["multiply_adds"]
        name = row.replace(known(row), "") if known(row) else row
        colour = ACCENT if row in OURS.values() else CONTRAST if "MoS" in row else QUIET
        interval = [[gain.value - gain.lower], [gain.upper - gain.value]]
        drawn = axes.errorbar(
            price, gain.value, yerr=interval, fmt=_MARKERS[name], color=colour, ecolor=colour, markersize=6, zorder=3
        )
        shown.setdefault(name, drawn)
        told.append(f"{encoder} {row} {gain.value:+.4f}")
    return told


def _compared(rows: Mapping[str, Any], plain: str) -> list[str]:
    """Returns the rows that know as much as a plain one, if that is there."""
    return [row for row in rows if row != plain and known(row) == known(plain)] if plain in rows else []
