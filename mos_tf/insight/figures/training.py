"""Figure of the training curves."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mos_tf.insight.figures.style import ACCENT, CONTRAST, FULL, MUTED, Chart, bare, new_figure, styled

_CURVES = {"loss": "loss", "auc": "AUC", "gauc": "GAUC"}


@styled
def training_curves(history: Mapping[str, Sequence[float]]) -> Chart:
    """Draws loss, AUC and GAUC at every validation, for the train and the eval split.

    Args:
        history: `loss`, `auc`, `gauc` and the same with `val_` → a value a validation;
            those that are absent are left out.
    """
    names = [name for name in _CURVES if name in history or f"val_{name}" in history]
    figure = new_figure(FULL, 230)
    panels = np.atleast_1d(figure.subplots(1, max(len(names), 1)))
    told = []
    for axes, name in zip(panels, names, strict=False):
        curves = {"train": history.get(name, ()), "eval": history.get(f"val_{name}", ())}
        _curves(axes, curves)
        axes.set_title(_CURVES[name])
        told += [f"{_CURVES[name]} {split} {values[-1]:.4f}" for split, values in curves.items() if len(values)]
    return Chart(figure, f"Training curves; at the last validation: {', '.join(told)}.")


def _curves(axes: Axes, curves: Mapping[str, Sequence[float]]) -> None:
    colours = {"train": ACCENT, "eval": CONTRAST}
    last = {split: values[-1] for split, values in curves.items() if len(values)}
    upper = max(last, key=lambda split: last[split], default="")
    for split, values in curves.items():
        if not len(values):
            continue
        axes.plot(range(1, len(values) + 1), values, color=colours[split], linewidth=2, marker="o", markersize=4)
        axes.annotate(
            split,
            (len(values), values[-1]),
            xytext=(7, 6 if split == upper else -6),
            textcoords="offset points",
            va="center",
            color=colours[split],
            annotation_clip=False,
        )
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(axis="y", labelcolor=MUTED)
    axes.margins(x=0.08, y=0.12)
    axes.set_xlabel("validation")
    bare(axes, grid="y")
