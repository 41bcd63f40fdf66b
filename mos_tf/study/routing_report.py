"""What `mos bench routing` leaves: the figures of every way to find themes, as JSON and as a page in Markdown."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mos_tf.study.config import StudyConfig
from mos_tf.study.report import heading, provenance_of, write_pages
from mos_tf.study.routing_figures import DRAWS, Figure
from mos_tf.study.tables import markdown

Judged = Mapping[tuple[str, int], Mapping[str, Figure]]  # (way, number of themes) → figures

_COUNTS = ("dead", "under 0.1/K")


def routing_table(judged: Judged) -> str:
    """Returns a line for each way and resolution: means over seeds, in brackets those of random themes."""
    names = list(next(iter(judged.values())))
    rows = [
        [way, str(themes), *(_told(name, found[name]) for name in names)] for (way, themes), found in judged.items()
    ]
    return markdown(["", "themes", *names], rows)


def write_routing(
    config: StudyConfig, judged: Judged, num_events: int, out: Path, *, command: str, seconds: float
) -> list[Path]:
    """Writes `<study>-routing.json` and `<study>-routing.md` and returns their paths.

    Args:
        config: of the study.
        judged: all that is to be told.
        num_events: that it was judged on.
        out: directory.
        command: how to repeat it.
        seconds: what it took.
    """
    provenance = provenance_of(command, seconds)
    page = (
        f"{heading(f'{config.title}: routing', provenance)}"
        "Themes are found in the histories of before the first training target; those that are learned on go on with "
        f"the training requests, for {config.budget.steps} steps of their router's own losses. No click is learned "
        f"from. They are judged on {num_events:,} events since the end of training. Means over seeds; in brackets "
        f"those of themes of the same sizes whose tokens are drawn by chance, {DRAWS} draws a seed.\n\n"
        "NMI and purity tell how far themes agree with a grouping of the items. The next three columns are "
        "probabilities that two events share a theme: neighbours in a session, neighbours where a session ends and "
        "the next one begins, any two of a user; then the mean share of a session's top theme. Dead themes have no "
        "event, others less than a tenth of an even share; entropy is that of the load, 1 where it is even. Last, how "
        "far the themes of two seeds agree.\n\n"
        f"{routing_table(judged)}"
    )
    return write_pages(out / f"{config.name}-routing", _content(config, judged, num_events, provenance), page)


def _content(config: StudyConfig, judged: Judged, num_events: int, provenance: Mapping[str, Any]) -> dict[str, Any]:
    routings = [
        {"way": way, "num_themes": themes, "figures": {name: asdict(figure) for name, figure in found.items()}}
        for (way, themes), found in judged.items()
    ]
    return {**provenance, "study": config.model_dump(mode="json"), "events": num_events, "routings": routings}


def _told(name: str, figure: Figure) -> str:
    digits = 1 if name in _COUNTS else 3
    return f"{figure.value:.{digits}f} ({figure.random:.{digits}f})"
