"""One style for every figure: colours, sizes, and how a figure becomes part of a page."""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

INK, MUTED, GRID = "#1f2933", "#5f6b7a", "#e3e8ee"
ACCENT, CONTRAST, QUIET = "#2f5d9b", "#c8553d", "#a9b4c2"
# Paul Tol's "muted" scheme, apart for every kind of colour vision.
THEME_COLOURS = ("#332288", "#cc6677", "#44aa99", "#ddaa33", "#882255", "#117733", "#66aadd", "#aa4499", "#999933")

POINTS = 72  # figure sizes are given in points
FULL, HALF = 760, 480

STYLE: Any = {  # matplotlib types it by a list of all its settings
    "font.size": 11,
    "axes.labelsize": 11,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": MUTED,
    "axes.axisbelow": True,
    "axes.grid": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "text.parse_math": False,  # names come from data: a dollar sign is a dollar sign
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "grid.color": GRID,
    "grid.linewidth": 1,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "svg.fonttype": "none",  # real text: it takes the page's font and can be searched
    "svg.hashsalt": "mos-tf",  # the same figure has the same bytes
}

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def styled(draw: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Runs the decorated function in this style and leaves matplotlib's settings as they were."""

    @wraps(draw)
    def in_style(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return in_style


@dataclass(frozen=True)
class Chart:
    """A figure and what it shows, in words, for those who do not see it."""

    figure: Figure
    alt: str

    @styled
    def svg(self, name: str) -> str:
        """Returns an `<svg>` element for inlining; `name` keeps its ids apart from those of the page's others."""
        text = io.StringIO()
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        self.figure.savefig(text, format="svg", metadata=no_metadata)
        svg = text.getvalue()
        svg = svg[svg.index("<svg") :]
        svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{name}-", svg)
        return re.sub(r' width="\d[^"]*pt" height="\d[^"]*pt"', "", svg, count=1)  # the page gives the size

    @styled
    def png(self, path: Path, dpi: int) -> None:
        """Writes the figure as an image on white."""
        no_software = {"Software": None}  # its version would make other bytes
        self.figure.savefig(
            path, format="png", dpi=dpi, facecolor="white", bbox_inches="tight", pad_inches=0.25, metadata=no_software
        )


def new_figure(width: float, height: float, *, margins: Mapping[str, float] | None = None) -> Figure:
    """Returns an empty figure.

    Args:
        width: in points.
        height: in points.
        margins: points at `left`, `right`, `top` and `bottom`; by default as much as the labels need.
    """
    layout = None if margins else ConstrainedLayoutEngine(wspace=0.05, hspace=0.06)
    figure = Figure(figsize=(width / POINTS, height / POINTS), dpi=POINTS, layout=layout)
    if margins:
        figure.subplots_adjust(
            left=margins["left"] / width,
            right=1 - margins["right"] / width,
            top=1 - margins["top"] / height,
            bottom=margins["bottom"] / height,
        )
    return figure


def bare(axes: Axes, *, grid: str) -> None:
    """Leaves only the grid lines along which values are read: of axis `"x"` or `"y"`."""
    axes.spines[:].set_visible(False)
    axes.grid(axis="x" if grid == "x" else "y")
