"""The picture of a study: what every row gains over the plain encoder against what it multiplies."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.ticker import MaxNLocator

from mos_tf.insight.figures.style import ACCENT, CONTRAST, FULL, INK, QUIET, Chart, bare, new_figure, styled
from mos_tf.study.differences import difference
from mos_tf.study.tables import OURS, Grid, known, runs_of

_KINDS = {"plain": "no affinity", "plain + counts": "with counts", "plain + affinity": "with affinity"}
_MARKERS = "osD^v<>PXp*h"


@styled
def trade_off(grid: Grid, title: str) -> Chart:
    """Draws what rows gain in AUC over the plain encoder against their multiply-adds, relative to it.

    Gains are means over seeds with 95 % intervals over users and seeds. A column is an encoder, a line what its rows
    know of matches. A row of the tables has one marker everywhere, told in the legend.
    """
    encoders = [encoder for encoder in grid if encoder]
    kinds = [plain for plain in _KINDS if any(plain in grid[encoder] for encoder in encoders)]
    figure = new_figure(FULL, 110 + 250 * len(kinds))
    panels = figure.subplots(len(kinds), len(encoders), squeeze=False, sharex=True, sharey="row")
    shown: dict[str, Any] = {}  # row → what the legend draws
    told = []
    for plain, line in zip(kinds, panels, strict=True):
        for encoder, axes in zip(encoders, line, strict=True):
            if not _compared(grid[encoder], plain):
                axes.set_visible(False)
                continue
            axes.axhline(0, color=QUIET, linewidth=1)
            (plain_encoder,) = axes.plot(1, 0, "|", color=INK, markersize=9)
            shown.setdefault("plain", plain_encoder)
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.set_title(f"{encoder}, {_KINDS[plain]}", fontsize=10)
            axes.margins(x=0.2, y=0.15)
            bare(axes, grid="y")
            told += _draw(axes, encoder, plain, grid[encoder], shown)
        line[0].set_ylabel("AUC gained")
    figure.suptitle(title, color=INK)
    for axes in panels[-1]:
        axes.set_xlabel("multiply-adds, plain = 1", fontsize=9)
    figure.legend(shown.values(), shown, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return Chart(figure, f"{title}. AUC gained: {', '.join(told)}.")


def _draw(
    axes: Any, encoder: str, plain: str, rows: Mapping[str, Sequence[Mapping[str, Any]]], shown: dict[str, Any]
) -> list[str]:
    base, told = rows[plain], []
    for row in _compared(rows, plain):
        runs = rows[row]
        gain = difference(runs_of(runs), runs_of(base), "auc")
        price = runs[0]["price"]["multiply_adds"] / base[0]["price"]["multiply_adds"]
        name = row.replace(known(row), "") if known(row) else row
        marker = _MARKERS[(list(shown).index(name) if name in shown else len(shown)) % len(_MARKERS)]
        colour = ACCENT if row in OURS.values() else CONTRAST if "MoS" in row else QUIET
        interval = [[gain.value - gain.lower], [gain.upper - gain.value]]
        drawn = axes.errorbar(
            price, gain.value, yerr=interval, fmt=marker, color=colour, ecolor=colour, markersize=6, zorder=3
        )
        shown.setdefault(name, drawn)
        told.append(f"{encoder} {row} {gain.value:+.4f}")
    return told


def _compared(rows: Mapping[str, Any], plain: str) -> list[str]:
    """Returns the rows that know as much as a plain one, if that is there."""
    return [row for row in rows if row != plain and known(row) == known(plain)] if plain in rows else []
