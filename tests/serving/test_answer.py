import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from mos_tf import Request
from mos_tf.errors import MosError
from serving.answer import as_table, ranked_items
from serving.client import Ranking
from serving.question import Question
from serving.theme_names import ThemeNames
from tests.support.small_log import SPEC

NAMES = {"routing_resolution": 2, "tokens": ["tea", "milk", "jam", "soap"], "counts": [3, 9, 1, 5]}


def question() -> Question:
    items = np.array(["a", "b", "c"], dtype=object)
    candidates = {"item_id": items, "category": np.array(["drinks", "bakery", ""], dtype=object)}
    nothing = {"item_id": np.array([], dtype=object), "timestamp": np.array([], dtype=np.int64)}
    return Question(Request("ann", 10, nothing, candidates), ["Tea", "Bread", "Coal"], np.array([True, False, False]))


def ranking(themes: np.ndarray | None) -> Ranking:
    return Ranking(np.array([0.25, 0.75, 0.5], np.float32), themes, None, 1)


@pytest.fixture
def names(tmp_path: Path) -> ThemeNames:
    path = tmp_path / "themes.json"
    path.write_text(json.dumps({**NAMES, "resolutions": [2, 4], "themes": {"2": [0, 0, 1, 2], "4": [0, 1, 2, 3]}}))
    return ThemeNames.load(path)


def test_the_best_items_come_first_with_all_that_is_known_of_them(names: ThemeNames):
    first, second = ranked_items(question(), ranking(np.array([0, 1, 2])), SPEC, 2, names)
    assert (first.rank, first.item_id, first.name, first.category) == (1, "b", "Bread", "bakery")
    assert (first.score, first.theme, first.theme_tokens, first.bought_before) == (0.75, 1, ["jam"], False)
    assert (second.rank, second.item_id, second.theme_tokens) == (2, "c", [])


def test_a_theme_is_named_by_its_most_frequent_tokens_at_the_resolution_that_routes(names: ThemeNames):
    assert names.tokens == {0: ["milk", "tea"], 1: ["jam"]}  # 2 is what has no theme


def test_more_than_there_are_is_all(names: ThemeNames):
    assert [item.item_id for item in ranked_items(question(), ranking(None), SPEC, 9, names)] == ["b", "c", "a"]


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_shows_every_column_and_a_line_an_item(names: ThemeNames, width: int):
    items = ranked_items(question(), ranking(np.array([0, 1, 2])), SPEC, 3, names)
    shown = io.StringIO()
    console = Console(file=shown, width=width)
    console.print(as_table(items, "product_category"))
    lines = [line.split() for line in shown.getvalue().splitlines() if line.strip()]
    assert lines[0] == ["product", "product", "category", "score", "theme", "bought"]
    assert lines[2:] == [
        ["1", "Bread", "bakery", "0.750", "1", "jam"],
        ["2", "Coal", "0.500", "2"],
        ["3", "Tea", "drinks", "0.250", "0", "milk,", "tea", "before"],
    ]


def test_no_theme_is_shown_where_none_is_known():
    items = ranked_items(question(), ranking(None), SPEC, 1, None)
    assert items[0].theme == -1
    shown = io.StringIO()
    console = Console(file=shown, width=80)
    console.print(as_table(items, "category"))
    assert "-1" not in shown.getvalue()


@pytest.mark.parametrize("content", [None, "no json", "{}"])
def test_what_is_no_themes_file_is_named(tmp_path: Path, content: str | None):
    path = tmp_path / "themes.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(MosError, match=f"read from a run's themes.json. Received: {path}"):
        ThemeNames.load(path)
