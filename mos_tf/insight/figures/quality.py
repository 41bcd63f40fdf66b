"""Figure of the quality on the test split, by slice."""

from matplotlib.axes import Axes

from mos_tf.insight.figures.style import ACCENT, FULL, INK, QUIET, Chart, bare, new_figure, styled
from mos_tf.insight.names import metric_name, slice_name
from mos_tf.insight.results import Evaluation

_DRAWN = ("auc", "gauc")


@styled
def quality_by_slice(evaluation: Evaluation) -> Chart:
    """Draws AUC and GAUC of every slice that is large enough, and the live model's beside them where there is one."""
    names = drawn_metrics(evaluation)
    figure = new_figure(FULL, 60 + 30 * max(len(evaluation.telling_slices), 2))
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        draw_quality(axes, evaluation, name)
    told = [
        f"{metric_name(m.metric)} {slice_name(m.slice)} {m.value:.4f}"
        for m in evaluation.metrics
        if m.metric in names and m.slice in evaluation.telling_slices
    ]
    return Chart(figure, f"Quality on the test split: {', '.join(told)}.")


def drawn_metrics(evaluation: Evaluation) -> list[str]:
    """Returns AUC and GAUC where they were evaluated, else the first metric."""
    return [name for name in evaluation.names if name in _DRAWN] or evaluation.names[:1]


def draw_quality(axes: Axes, evaluation: Evaluation, name: str) -> None:
    """Draws one metric as a dot for every slice, the overall value also as a line."""
    found = [(y, metric) for y, s in enumerate(evaluation.telling_slices) if (metric := evaluation.find(name, s))]
    values = [metric.value for _, metric in found]
    bases = [(y, metric.baseline_value) for y, metric in found if metric.baseline_value is not None]
    if overall := evaluation.find(name, "overall"):
        axes.axvline(overall.value, color=QUIET, linewidth=1.2, linestyle=(0, (4, 3)))
    if bases:
        axes.scatter(
            [value for _, value in bases],
            [y for y, _ in bases],
            s=60,
            facecolors="white",
            edgecolors=QUIET,
            linewidths=1.6,
        )
    axes.scatter(values, [y for y, _ in found], s=70, color=ACCENT, zorder=3)
    for y, metric in found:
        axes.annotate(
            f"{metric.value:.3f}",
            (metric.value, y),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            va="bottom",
            color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axes.set_yticks(range(len(evaluation.telling_slices)), [slice_name(s) for s in evaluation.telling_slices])
    axes.set_ylim(len(evaluation.telling_slices) - 0.6, -0.75)
    axes.margins(x=0.15)
    axes.set_title(metric_name(name))
    axes.locator_params(axis="x", nbins=5)
    bare(axes, grid="x")
