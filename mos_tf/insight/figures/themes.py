"""Figure of how the events spread over the themes."""

import numpy as np
from matplotlib.ticker import PercentFormatter

from mos_tf.insight.figures.style import ACCENT, CONTRAST, FULL, MUTED, QUIET, Chart, bare, new_figure, styled
from mos_tf.insight.themes import Themes


@styled
def theme_load(themes: Themes) -> Chart:
    """Draws each theme's share of the events, fullest first, against an even spread."""
    order = [int(theme) for theme in np.argsort(-themes.load[:-1], kind="stable")] + [themes.number]
    shares = themes.load[order]
    figure = new_figure(FULL, 220)
    axes = figure.subplots()
    axes.bar(range(len(order)), shares, width=0.72, color=[ACCENT] * themes.number + [QUIET])
    even = 1 / themes.number
    axes.axhline(even, color=CONTRAST, linewidth=1.2)
    axes.annotate(
        f"even: {even:.1%}",
        (1, even),
        xycoords=("axes fraction", "data"),
        xytext=(0, 4),
        textcoords="offset points",
        ha="right",
        color=CONTRAST,
    )
    if themes.number <= 40:
        axes.set_xticks(range(len(order)), [*map(str, order[:-1]), "none"])
        axes.tick_params(axis="x", labelsize=9)
    else:
        axes.set_xticks([])
    axes.set_xlim(-0.7, len(order) - 0.3)
    axes.set_xlabel("theme")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.tick_params(axis="y", labelcolor=MUTED)
    bare(axes, grid="y")
    fullest = f"theme {order[0]} holds {shares[0]:.1%}"
    return Chart(figure, f"Share of events by theme: {fullest}, even would be {even:.1%}, no theme {shares[-1]:.1%}.")
