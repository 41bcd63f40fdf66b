"""The findings at a glance: a panel a group, a line a subject, and where the bar lies."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from benchmarks.layers.results import Row
from mos_tf.insight.figures.style import ACCENT, CONTRAST, GRID, INK, MUTED, QUIET, bare, new_figure, styled

_COLUMNS = (
    {
        "training step, log-normal lengths": "times faster than padded",
        "training step, equal lengths": "time / padded time",
        "peak memory of a training step": "peak memory / padded peak memory",
        "many candidates": "time of 500 candidates / time of 1",
        "ten times the events": "time of 10,000 events / time of 1,000",
        "one row twice as long": "growth of time off the growth of events",
    },
    {
        "mixture against its plain encoder": "step time / plain step time",
        "mixture against mixtures of experts": "step time / step time of the other, 2 of 8 experts",
        "multiply-adds of a forward pass": "of the mixture / of the other",
        "one very long history": "peak GB of a process, 100,000 events",
    },
)
_WIDTH, _LABELS, _RIGHT = 1240, 205, 55  # points; margins of a column
_LINE, _TITLE, _GAP, _TOP, _BOTTOM = 17, 38, 20, 78, 14
_COLOURS = {True: ACCENT, False: CONTRAST, None: QUIET}


@styled
def draw(rows: list[Row], path: Path) -> None:
    """Writes the chart in the format of the path's suffix; groups without rows are left out."""
    columns = [
        [(group, unit, found) for group, unit in groups.items() if (found := [r for r in rows if r.group == group])]
        for groups in _COLUMNS
    ]
    height = _TOP + _BOTTOM + max(sum(_TITLE + _GAP + _LINE * len(found) for *_, found in c) for c in columns)
    figure = new_figure(_WIDTH, height, margins={"left": 0, "right": 0, "top": 0, "bottom": 0})
    for column, panels in enumerate(columns):
        left = column * _WIDTH / 2 + _LABELS
        top = height - _TOP
        for group, unit, found in panels:
            low = top - _TITLE - _LINE * len(found)
            width = _WIDTH / 2 - _LABELS - _RIGHT
            axes = figure.add_axes((left / _WIDTH, low / height, width / _WIDTH, _LINE * len(found) / height))
            _panel(axes, found)
            _title(axes, group, unit)
            top = low - _GAP
    figure.text(24 / _WIDTH, 1 - 30 / height, "The model library, measured", fontsize=17, weight="bold")
    figure.text(
        24 / _WIDTH,
        1 - 50 / height,
        "medians of one run, float32, 2 cores; whiskers are the lowest and highest round",
        color=MUTED,
    )
    figure.legend(
        handles=[
            Patch(color=ACCENT, label="clears its bar"),
            Patch(color=CONTRAST, label="does not"),
            Patch(color=QUIET, label="has none"),
            Line2D([], [], color=INK, linewidth=2.2, marker="", label="bar"),
        ],
        loc="upper right",
        bbox_to_anchor=(1 - 40 / _WIDTH, 1 - 14 / height),
        ncols=4,
        frameon=False,
    )
    beside = path.with_name(f"{path.stem}.partial{path.suffix}")
    no_date = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(beside, format=path.suffix[1:], facecolor="white", metadata=no_date, dpi=110)
    beside.replace(path)


def _panel(axes: Axes, rows: list[Row]) -> None:
    end = 1.12 * max([row.value.highest for row in rows] + [row.bar.value for row in rows if row.bar])
    axes.set_xlim(0, end)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    bare(axes, grid="x")
    for place, row in enumerate(rows):
        value, colour = row.value, _COLOURS[row.met]
        axes.barh(place, value.median, height=0.62, color=colour, alpha=0.9)
        axes.plot([value.lowest, value.highest], [place, place], color=INK, linewidth=0.9, alpha=0.55)
        if row.bar:
            axes.plot([row.bar.value] * 2, [place - 0.42, place + 0.42], color=INK, linewidth=2.2)
        axes.text(1.01, place, f"{value.median:.3g}", transform=axes.get_yaxis_transform(), va="center", fontsize=9.5)
    axes.set_yticks(range(len(rows)), [row.subject for row in rows], fontsize=9.5)
    axes.tick_params(axis="x", labelsize=8, pad=1)
    axes.axvline(0, color=GRID, linewidth=1)


def _title(axes: Axes, group: str, unit: str) -> None:
    at: Any = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "left"}
    axes.annotate(group[0].upper() + group[1:], (0, 1), xytext=(0, 19), weight="bold", fontsize=11.5, **at)
    axes.annotate(unit, (0, 1), xytext=(0, 6), color=MUTED, fontsize=9, **at)
