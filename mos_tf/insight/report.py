"""The report: what a run learned, on one self-contained page."""

import datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from mos_tf.features import TIMESTAMP
from mos_tf.insight import names
from mos_tf.insight.figures.log import history_lengths, hopping_shares
from mos_tf.insight.figures.quality import quality_by_slice
from mos_tf.insight.figures.style import Chart
from mos_tf.insight.figures.themes import theme_load
from mos_tf.insight.figures.timelines import theme_colours, user_timeline
from mos_tf.insight.figures.training import training_curves
from mos_tf.insight.hopping import session_hopping
from mos_tf.insight.run import Run
from mos_tf.insight.themes import readable
from mos_tf.insight.timelines import THEME

HEADLINE = ("auc", "gauc", "log_loss")
TOKENS_SHOWN = 5


def write_report(run: Run, output: Path, command: str) -> None:
    """Writes the page, beside first and then renamed.

    Args:
        run: what it shows.
        output: the HTML file.
        command: how it was made, for the reader.
    """
    page = _environment().get_template("report.html.j2").render(_context(run), command=command)
    output.parent.mkdir(parents=True, exist_ok=True)
    beside = output.with_name(f".{output.name}.part")
    beside.write_text(page, encoding="utf-8")
    beside.replace(output)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mos_tf.insight", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        metric=names.metric_name, slice=names.slice_name, number=names.number, span=names.span, date=_date
    )
    environment.filters["readable"] = readable
    environment.tests["count"] = names.is_count
    return environment


def _context(run: Run) -> dict[str, Any]:
    events, themes = run.log.events, run.themes
    lengths = run.log.lengths
    hopping = {
        "category": session_hopping(events, run.category),
        "theme": session_hopping(events, THEME),
    }
    colours = theme_colours(run.timelines)
    return {
        "run": run,
        "num_users": len(lengths),
        "first": int(events[TIMESTAMP].min()),
        "last": int(events[TIMESTAMP].max()),
        "lengths": _inline(history_lengths(lengths), "lengths"),
        "hopping": hopping,
        "hopping_figure": _inline(hopping_shares(hopping), "hopping"),
        "splits": _splits(run.examples.requests),
        "headline": [m for name in HEADLINE if (m := run.evaluation.find(name, "overall"))],
        "quality": _inline(quality_by_slice(run.evaluation), "quality"),
        "curves": _inline(training_curves(run.training.history), "curves"),
        "load": _inline(theme_load(themes), "load"),
        "themes": [
            {"number": int(theme), "share": themes.load[theme], "tokens": themes.top_tokens(int(theme), TOKENS_SHOWN)}
            for theme in np.argsort(-themes.load[: themes.number], kind="stable")
        ],
        "timelines": [
            (timeline, _inline(user_timeline(timeline, themes, colours, f"household {timeline.user_id}"), f"user{i}"))
            for i, timeline in enumerate(run.timelines)
        ],
        "colours": colours,
        "slowest": max((node.seconds for node in run.nodes), default=0.0),
        "best_score": max((p.score for p in run.rankings.products), default=1.0) if run.rankings else 1.0,
    }


def _splits(counts: dict[str, int]) -> dict[str, dict[str, int]]:
    """Turns counts keyed `<split>/<what>` into a table of splits; other keys are no splits."""
    table: dict[str, dict[str, int]] = {}
    for key, count in counts.items():
        split, _, what = key.partition("/")
        if what:
            table.setdefault(split, {})[what] = count
    return {split: table[split] for split in ("train", "eval", "test") if split in table}


def _inline(chart: Chart, name: str) -> dict[str, Any]:
    return {"svg": Markup(chart.svg(name)), "alt": chart.alt}


def _date(seconds: int) -> str:
    time = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{time.day} {time:%B %Y}"
