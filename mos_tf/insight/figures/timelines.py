"""Figure of one user's events over time, by theme."""

from collections.abc import Mapping, Sequence

import matplotlib.dates
from matplotlib.axes import Axes

from mos_tf.insight.figures.style import (
    FULL,
    GRID,
    QUIET,
    THEME_COLOURS,
    Chart,
    bare,
    new_figure,
    styled,
)
from mos_tf.insight.themes import Themes
from mos_tf.insight.timelines import THEME, Timeline

_LANE_HEIGHT = 23
_SMALLEST_DOT, _LARGEST_DOT = 4, 190  # square points
_MARGINS = {"left": 245, "right": 20, "top": 4, "bottom": 26}  # fixed, so that several timelines line up


@styled
def user_timeline(timeline: Timeline, themes: Themes, colours: Mapping[int, str], user: str) -> Chart:
    """Draws one user's events over time, a lane for each of the most frequent themes.

    Args:
        timeline: whose events.
        themes: names the lanes.
        colours: theme → colour.
        user: what to call the user.
    """
    height = _LANE_HEIGHT * (len(timeline.lanes) + 1) + 40
    figure = new_figure(FULL, height, margins=_MARGINS)
    axes = figure.subplots()
    draw_timeline(axes, timeline, themes, colours)
    named = ", ".join(themes.label(theme) for theme in timeline.lanes)
    return Chart(figure, f"Events of {user} by {timeline.step} and theme. Most frequent themes: {named}.")


def draw_timeline(axes: Axes, timeline: Timeline, themes: Themes, colours: Mapping[int, str]) -> None:
    """Draws the lanes of a timeline; the area of a dot is its number of events."""
    lanes = [*timeline.lanes, -1]
    lane_of = {theme: y for y, theme in enumerate(lanes)}
    dots = timeline.dots
    axes.hlines(range(len(lanes)), 0, 1, transform=axes.get_yaxis_transform(), color=GRID, linewidth=1, zorder=0)
    axes.scatter(
        dots["time"],
        dots[THEME].map(lane_of),
        s=_SMALLEST_DOT + _LARGEST_DOT * dots["events"] / dots["events"].max(),
        c=[colours.get(theme, QUIET) for theme in dots[THEME]],
        alpha=0.82,
        linewidths=0,
    )
    axes.set_yticks(range(len(lanes)), [*(themes.label(theme) for theme in timeline.lanes), "all other themes"])
    axes.set_ylim(len(lanes) - 0.4, -0.6)
    axes.set_xlim(*matplotlib.dates.date2num([timeline.start, timeline.end]))
    locator = matplotlib.dates.AutoDateLocator(minticks=4, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(matplotlib.dates.ConciseDateFormatter(locator, show_offset=False))
    bare(axes, grid="x")


def theme_colours(timelines: Sequence[Timeline]) -> dict[int, str]:
    """Gives every lane's theme a colour, the same in all timelines and distinct inside each."""
    colours: dict[int, str] = {}
    for timeline in timelines:
        for theme in timeline.lanes:
            if theme not in colours:
                taken = {colours[other] for other in timeline.lanes if other in colours}
                free = [colour for colour in THEME_COLOURS if colour not in taken]
                used = list(colours.values())
                colours[theme] = min(free, key=used.count)
    return colours
