"""Figures of the log: how long histories are, and how much interests hop."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from mos_tf.insight.figures.style import ACCENT, CONTRAST, HALF, MUTED, QUIET, Chart, bare, new_figure, styled
from mos_tf.insight.hopping import Hopping

_PAIRS = {
    "same_session": "inside a session",
    "across_sessions": "across its end",
    "random_same_user": "any of one user",
    "other_users": "of two users",
}


@styled
def history_lengths(lengths: pd.Series) -> Chart:
    """Draws how many users have how many events, on a logarithmic scale.

    Args:
        lengths: events of each user, at least one.
    """
    figure = new_figure(HALF, 250)
    axes = figure.subplots()
    edges = np.geomspace(1, max(int(lengths.max()), 2) * 1.0001, 28).tolist()
    axes.hist(lengths, bins=edges, color=ACCENT, alpha=0.85, rwidth=0.92)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="x", which="minor", size=0)
    axes.set_xlabel("events of a user")
    axes.set_ylabel("users")
    axes.set_ylim(top=axes.get_ylim()[1] * 1.25)
    bare(axes, grid="y")
    # As `mos data describe` tells them: lengths that users have, none between two.
    marks = {
        name: float(lengths.quantile(q, interpolation="lower"))
        for name, q in {"median": 0.5, "95th percentile": 0.95}.items()
    }
    for height, (name, value) in zip((0.88, 1), marks.items(), strict=True):
        axes.plot([value, value], [0, height], transform=axes.get_xaxis_transform(), color=CONTRAST, linewidth=1.2)
        axes.annotate(
            f"{name} {value:,.0f}",
            (value, height),
            xycoords=("data", "axes fraction"),
            xytext=(-5, -1),
            textcoords="offset points",
            ha="right",
            va="top",
            color=CONTRAST,
        )
    told = ", ".join(f"{name} {value:,.0f}" for name, value in marks.items())
    return Chart(figure, f"Histogram of events per user: {told}, longest {lengths.max():,}.")


@styled
def hopping_shares(found: Mapping[str, Hopping]) -> Chart:
    """Draws the share of agreeing pairs, one panel for each thing that can agree.

    Args:
        found: what agrees ("category", "theme") → its `Hopping`.
    """
    figure = new_figure(HALF, 250)
    panels = np.atleast_1d(figure.subplots(1, len(found), sharey=True))
    for axes, (what, hopping) in zip(panels, found.items(), strict=True):
        _agreement(axes, hopping)
        axes.set_title(f"same {what}")
    told = "; ".join(
        f"same {what}: " + ", ".join(f"{label} {value:.1%}" for label, value in _shares(hopping).items())
        for what, hopping in found.items()
    )
    return Chart(figure, f"Share of event pairs that agree. {told}.")


def _agreement(axes: Axes, hopping: Hopping) -> None:
    shares = _shares(hopping)
    colours = [ACCENT, ACCENT, QUIET, QUIET]
    bars = axes.barh(list(shares), list(shares.values()), height=0.62, color=colours)
    axes.bar_label(bars, [f"{value:.1%}" for value in shares.values()], padding=4)
    axes.set_xlim(0, max(max(shares.values()), 0.01) * 1.35)
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.spines[:].set_visible(False)
    axes.spines["left"].set_visible(True)
    axes.set_xticks([])
    axes.tick_params(axis="y", labelcolor=MUTED)


def _shares(hopping: Hopping) -> dict[str, float]:
    """Pairs that do not occur have no share and are drawn as zero."""
    return {label: float(np.nan_to_num(getattr(hopping, name))) for name, label in _PAIRS.items()}
