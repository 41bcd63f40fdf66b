"""The report's main figures on one sheet."""

from mos_tf.insight.figures.quality import draw_quality, drawn_metrics
from mos_tf.insight.figures.style import FULL, Chart, new_figure, styled
from mos_tf.insight.figures.timelines import draw_timeline, theme_colours
from mos_tf.insight.names import metric_name
from mos_tf.insight.run import Run

_TIMELINES = 2


@styled
def summary(run: Run) -> Chart:
    """Draws two users' timelines above the quality by slice."""
    timelines = run.timelines[:_TIMELINES]
    figure = new_figure(FULL * 1.2, 250 * (len(timelines) + 1))
    panels = figure.subplots(len(timelines) + 1, 1)
    colours = theme_colours(timelines)
    for axes, timeline in zip(panels, timelines, strict=False):
        draw_timeline(axes, timeline, run.themes, colours)
        axes.set_title(f"Household {timeline.user_id}: {timeline.num_events:,} events by {timeline.step} and theme")
    metric = drawn_metrics(run.evaluation)[-1]
    draw_quality(panels[-1], run.evaluation, metric)
    panels[-1].set_title(f"{metric_name(metric)} on the test split")
    return Chart(figure, f"Timelines of {len(timelines)} households by theme, above {metric_name(metric)} by slice.")
