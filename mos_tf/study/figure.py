"""The picture of a study: what every row gains over the plain encoder against what it multiplies."""

from collections.abc import Mapping, Sequence
from typing import Any

from mos_tf.insight.figures.style import ACCENT, CONTRAST, FULL, INK, QUIET, Chart, bare, new_figure, styled
from mos_tf.study.differences import difference
from mos_tf.study.tables import Grid, runs_of

_WITHOUT = {"plain": "as published, without affinity", "plain + affinity": "with the affinity of item and categories"}


@styled
def trade_off(grid: Grid, title: str) -> Chart:
    """Draws what rows gain in AUC over the plain encoder against their multiply-adds, relative to it.

    Gains are means over seeds with 95 % intervals over users. One panel is of rows without affinity, one of those with.
    """
    panels = [plain for plain in _WITHOUT if any(plain in rows for rows in grid.values())]
    figure = new_figure(FULL, 90 + 300 * len(panels))
    told = []
    for axes, plain in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        for encoder, rows in grid.items():
            if encoder and plain in rows:
                told += _draw(axes, encoder, plain, rows)
        axes.axhline(0, color=QUIET, linewidth=1)
        axes.set_title(f"{title}: {_WITHOUT[plain]}")
        axes.set_xlabel(f"multiply-adds of a request, {plain} = 1")
        axes.set_ylabel("AUC gained")
        axes.margins(x=0.12, y=0.15)
        bare(axes, grid="y")
    return Chart(figure, f"{title}. AUC gained: {', '.join(told)}.")


def _draw(axes: Any, encoder: str, plain: str, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    base, told = rows[plain], []
    for row, runs in rows.items():
        if row == plain or ("+ affinity" in row) != ("+ affinity" in plain):
            continue
        gain = difference(runs_of(runs), runs_of(base), "auc")
        price = runs[0]["price"]["multiply_adds"] / base[0]["price"]["multiply_adds"]
        ours = row in ("MoS", "MoS + affinity")
        colour = ACCENT if ours else CONTRAST if "MoS" in row else QUIET
        interval = [[gain.value - gain.lower], [gain.upper - gain.value]]
        axes.errorbar(price, gain.value, yerr=interval, fmt="o", color=colour, ecolor=colour, markersize=7, zorder=3)
        axes.annotate(
            f"{encoder}, {row.replace(' + affinity', '')}", (price, gain.value), xytext=(6, 3),
            textcoords="offset points", fontsize=8, color=INK,
        )  # fmt: skip
        told.append(f"{encoder} {row} {gain.value:+.4f}")
    return told
