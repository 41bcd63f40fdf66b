"""`Run`: everything the report shows, read from the files of one run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mos_tf.insight.log import Log
from mos_tf.insight.results import Evaluation, Examples, Node, Rankings, ThemeTable, Training, read_result
from mos_tf.insight.themes import Themes
from mos_tf.insight.timelines import THEME, Timeline, contrasting_users, timeline

_PIPELINE = "mos pipeline run --config FILE"
_RANK = "mos rank --user ID --json > FILE"


@dataclass(frozen=True)
class Run:
    """What one run of the pipeline read, learned and answered.

    Args:
        log: the events, with a column `theme`.
        category: the item column that is the category of an event.
        timelines: of the users that are shown.
        rankings: ranked items for one of these users, None where nobody asked.
    """

    log: Log
    category: str
    evaluation: Evaluation
    training: Training
    themes: Themes
    nodes: list[Node]
    examples: Examples
    timelines: tuple[Timeline, ...]
    rankings: Rankings | None

    @classmethod
    def read(cls, results: Path, data: Path, rankings: Path | None = None, users: Sequence[str] = ()) -> Self:
        """Reads a run.

        Args:
            results: directory of `evaluation.json`, `training.json`, `themes.json`, `nodes.json`, `examples.json`.
            data: data directory of the log.
            rankings: what `mos rank --json` printed.
            users: whose timelines to show; by default the ranked user's and two contrasting ones.

        Raises:
            MosError: a file is missing or has another shape, or a user is not in the log.
        """
        evaluation = read_result(results / "evaluation.json", Evaluation, _PIPELINE)
        training = read_result(results / "training.json", Training, _PIPELINE)
        table = read_result(results / "themes.json", ThemeTable, _PIPELINE)
        nodes = read_result(results / "nodes.json", list[Node], _PIPELINE)
        examples = read_result(results / "examples.json", Examples, _PIPELINE)
        ranked = read_result(rankings, Rankings, _RANK) if rankings else None
        log = Log.read(data, f"mos data fetch complete-journey --out {data}")
        themes = Themes.of_run(table, training)
        token = log.column_of(table.tokens)
        log.events[THEME] = themes.of(log.events[token])
        shown = users or contrasting_users(log.events, first=ranked.user if ranked else None)
        timelines = tuple(timeline(log.events, user) for user in shown)
        return cls(log, log.category(token), evaluation, training, themes, nodes, examples, timelines, ranked)
