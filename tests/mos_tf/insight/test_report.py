import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from mos_tf.errors import MosError
from mos_tf.insight.picture import write_picture
from mos_tf.insight.report import write_report
from mos_tf.insight.run import Run

RESULTS = ("evaluation", "training", "themes", "nodes", "examples")


class Page(HTMLParser):
    """The text of a page, its tags, and what it would fetch."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.ids, self.references = [], [], [], []
        self._hidden = False
        self.feed(html)
        self.text = " ".join(" ".join(self.text).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._hidden = tag == "style"
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "action", "data", "poster", "srcset"):
                self.references.append(value)
            self.references += re.findall(r"url\(([^)]*)\)", value or "")

    def handle_data(self, data):
        if self._hidden:
            self.references += re.findall(r"@import|url\(([^)]*)\)", data)
        else:
            self.text.append(data)


def read(run_dir, **options):
    return Run.read(run_dir / "results", run_dir / "data", **options)


def written(run, directory):
    write_report(run, directory / "out" / "report.html", command="mos insight report --demo here")
    return (directory / "out" / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def html(untouched_run_dir):
    return written(read(untouched_run_dir, rankings=untouched_run_dir / "rankings.json"), untouched_run_dir)


def test_it_says_the_numbers_of_the_run(html):
    text = Page(html).text
    for number in (
        "planted data 1 · 5 users · 1,000 events · 1 January 2017",
        "✓ blessed 1 of 2 gates passed",
        "0.7123 test AUC +0.0123 to the live model",
        "0.6543 test GAUC -0.0057 to the live model",
        "1 min 1 s the whole pipeline training took 1 min 23 s",
        "train 70 210 0 60 events",
        "Made of 1,010 rows of 5 users. Bad rows: 7 missing user, 3 bad timestamp.",
        "1,234 steps in 1 min 23 s",
        "The state after validation 2 was kept.",
        "GAUC overall change to the live model -0.0057 -0.0050 ✕ not passed",
        "overall 0.7123 +0.0123 0.6543 -0.0057 55,000",
        "history length 1–9 0.6111 – –",
        "3 requests without candidates were left out.",
        "0 55.0% Milk, Bread",
        "3 0.0% empty",
        "The 2 best products on 2 January 2017",
        "yes 0.750",
        "Trainer a model from cache",
        "mos insight report --demo here",
    ):
        assert number in text


def test_a_training_that_no_step_made_better_is_told(run_dir):
    training = run_dir / "results" / "training.json"
    training.write_text(json.dumps({**json.loads(training.read_text()), "kept": 0}))
    text = Page(written(read(run_dir), run_dir)).text
    assert "At no validation did the model rank better than before the first step" in text


def test_it_is_one_file_that_fetches_nothing(html):
    page = Page(html)
    assert all(reference.startswith("#") for reference in page.references)
    assert not {"link", "script", "img", "iframe", "object"} & set(page.tags)
    assert "default-src 'none'" in html
    assert len(html) < 3_000_000


def test_ids_are_unique_and_every_figure_says_what_it_shows(html):
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("figure") == page.tags.count("svg") == 8
    assert len(re.findall(r'<figure role="img" aria-label="[^"]{20,}"', html)) == 8


def test_hostile_names_are_shown_not_run(html):
    assert "<script" not in html
    text = Page(html).text
    assert "<script>alert('name')</script> & $\\frac{" in text
    assert "<script>alert('type')</script>" in text


def test_the_same_run_gives_the_same_page(run_dir):
    first, second = (written(read(run_dir), run_dir) for _ in range(2))
    assert first == second
    assert not list((run_dir / "out").glob(".*"))


def test_the_ranked_user_leads_the_timelines(html):
    assert re.findall(r"<h3>Household (u\d)</h3>", html)[0] == "u3"
    assert "Ranked for household u3" in html


def test_chosen_users_are_shown_and_nobody_else(run_dir):
    html = written(read(run_dir, users=["u4", "u1"]), run_dir)
    assert re.findall(r"<h3>Household (\w+)</h3>", html) == ["u4", "u1"]


def test_without_rankings_there_is_no_ranking(run_dir):
    assert "Ranked for" not in written(read(run_dir), run_dir)


def test_a_first_model_has_nothing_to_be_compared_with(run_dir):
    path = run_dir / "results" / "evaluation.json"
    path.write_text(
        re.sub(r'"baseline_value": [\d.]+', '"baseline_value": null', path.read_text()).replace('"live-7"', "null")
    )
    text = Page(written(read(run_dir), run_dir)).text
    assert "There was no live model to compare with." in text
    assert "0.7123 test AUC 0.6543 test GAUC" in text


def test_a_log_without_sessions_or_manifest_is_shown_too(run_dir):
    events = pd.read_parquet(run_dir / "data" / "events.parquet")
    events.drop(columns="session_id").to_parquet(run_dir / "data" / "events.parquet")
    (run_dir / "data" / "manifest.json").unlink()
    assert "data · 5 users" in Page(written(read(run_dir), run_dir)).text


@pytest.mark.parametrize("name", RESULTS)
def test_a_missing_result_names_the_file_and_the_command(run_dir, name):
    (run_dir / "results" / f"{name}.json").unlink()
    with pytest.raises(MosError, match=rf"{name}\.json.*Run: mos pipeline run --config FILE") as error:
        read(run_dir)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("content", ["{", '"text"', '{"blessed": "perhaps"}'])
def test_a_result_of_another_shape_names_the_file(run_dir, name, content):
    path = run_dir / "results" / f"{name}.json"
    path.write_text(content)
    with pytest.raises(MosError, match=re.escape(str(path))) as error:
        read(run_dir)
    assert "\n" not in str(error.value)


def test_what_is_not_where_it_should_be_is_named_with_its_command(run_dir):
    with pytest.raises(MosError, match=r"nowhere/events\.parquet.*Run: mos data fetch complete-journey --out nowhere"):
        Run.read(run_dir / "results", Path("nowhere"))
    with pytest.raises(MosError, match=r"no\.json.*Run: mos rank --user ID --json > FILE"):
        read(run_dir, rankings=run_dir / "no.json")
    with pytest.raises(MosError, match="user 'u99', who has no event"):
        read(run_dir, users=["u99"])


def test_a_missing_column_is_named(run_dir):
    pd.DataFrame({"user_id": ["u"], "item_id": ["i"]}).to_parquet(run_dir / "data" / "events.parquet")
    with pytest.raises(MosError, match=r"Missing: \['timestamp'\]"):
        read(run_dir)


def test_the_picture_is_a_png(run_dir):
    write_picture(read(run_dir), run_dir / "docs" / "report.png")
    assert (run_dir / "docs" / "report.png").read_bytes().startswith(b"\x89PNG")
