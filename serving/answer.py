"""The answer of `mos rank`: the best candidates as records, and those as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from mos_tf.features import ITEM_ID, FeatureSpec
from serving.client import Ranking
from serving.question import Question
from serving.theme_names import ThemeNames


@dataclass(frozen=True)
class RankedItem:
    """One line of an answer.

    Attributes:
        rank: from 1.
        item_id: the candidate.
        name: what to call it.
        category: its value of `category_feature`.
        score: probability, 0 to 1.
        theme: the theme it was routed to; -1 where that is not known.
        theme_tokens: the theme's most frequent tokens, where they are known.
        bought_before: whether the user's log holds it.
    """

    rank: int
    item_id: str
    name: str
    category: str
    score: float
    theme: int
    theme_tokens: list[str]
    bought_before: bool


def category_feature(spec: FeatureSpec) -> str:
    """Returns the feature that says what kind of thing an item is: the first called a category, or the theme token."""
    return next((name for name in spec.item_categoricals if name.endswith("category")), spec.theme_token)


def ranked_items(
    question: Question, ranking: Ranking, spec: FeatureSpec, top: int, themes: ThemeNames | None
) -> list[RankedItem]:
    """Returns the `top` candidates with the highest scores, best first."""
    candidates = question.request.candidates
    routed = np.full(len(ranking.scores), -1) if ranking.themes is None else ranking.themes
    return [
        RankedItem(
            rank=rank,
            item_id=candidates[ITEM_ID][i],
            name=question.names[i],
            category=candidates[category_feature(spec)][i],
            score=float(ranking.scores[i]),
            theme=int(routed[i]),
            theme_tokens=themes.tokens.get(int(routed[i]), []) if themes else [],
            bought_before=bool(question.bought_before[i]),
        )
        for rank, i in enumerate(ranking.best()[:top], start=1)
    ]


def as_table(items: Sequence[RankedItem], category: str) -> Table:
    """Returns ranked items for the terminal."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, expand=True)  # or narrow columns, not long texts, lose out
    table.add_column("", justify="right")
    for heading in ("product", category.replace("_", " ")):
        table.add_column(heading, no_wrap=True, ratio=3)
    table.add_column("score", justify="right")
    table.add_column("theme", no_wrap=True, ratio=2)
    table.add_column("bought")
    for item in items:
        theme = "" if item.theme < 0 else " ".join([str(item.theme), ", ".join(item.theme_tokens)])
        bought = "before" if item.bought_before else ""
        table.add_row(str(item.rank), item.name, item.category, f"{item.score:.3f}", theme, bought)
    return table
