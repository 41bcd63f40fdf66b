import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from sklearn.metrics import roc_auc_score

from mos_tf.errors import DataError
from mos_tf.insight import probe
from mos_tf.insight.joins import affinity
from mos_tf.insight.probe import Probe, compare, probe_themes, table
from mos_tf.insight.targets import ItemLog, sample_targets
from tests.support.oracles import affinity as slow_affinity
from tests.support.planted import write_planted_data

DAY = 86_400
THEMES, CATEGORIES_PER_THEME, ITEMS_PER_CATEGORY = 8, 10, 3
CATEGORIES = THEMES * CATEGORIES_PER_THEME


def write_log(directory: Path, decides: str, users: int = 120, sessions: int = 14) -> Path:
    """Events whose sessions keep to one theme, and whose users choose by theme, by category or by nothing."""
    rng = np.random.default_rng(5)
    rows = []
    for user in range(users):
        liked_themes = rng.choice(THEMES, 2, replace=False)
        liked = rng.choice(CATEGORIES, 4, replace=False)
        for session in range(sessions):
            start = int((session + rng.random()) * 7 * DAY)
            for event in range(3):
                if decides == "theme":
                    theme = liked_themes[session % 2]
                    category = theme * CATEGORIES_PER_THEME + rng.integers(CATEGORIES_PER_THEME)
                else:
                    category = rng.choice(liked) if decides == "category" else rng.integers(CATEGORIES)
                item = category * ITEMS_PER_CATEGORY + rng.integers(ITEMS_PER_CATEGORY)
                rows.append((f"user-{user}", f"item-{item}", start + 60 * event, f"category-{category}"))
    directory.mkdir(parents=True, exist_ok=True)
    columns = ["user_id", "item_id", "timestamp", "category"]
    pd.DataFrame(rows, columns=columns).to_parquet(directory / "events.parquet")
    return directory


@pytest.fixture(scope="module")
def by_theme(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_log(tmp_path_factory.mktemp("by_theme"), "theme")


@pytest.fixture(scope="module")
def probed(by_theme: Path) -> Probe:
    return probe_themes(by_theme)


def test_themes_help_where_users_choose_by_theme(probed: Probe):
    assert probed.themes_help
    assert probed.verdict.startswith("themes help on this log")
    assert probed.token == "category" and probed.num_themes == (8, 32)  # 128 themes of 80 categories there are not
    assert probed.over_without["auc"].lower > 0.02 and probed.over_random["gauc"].lower > 0.02


@pytest.mark.parametrize("decides", ["category", "nothing"])
def test_themes_do_not_help_where_only_the_category_decides_or_nothing_does(tmp_path: Path, decides: str):
    found = probe_themes(write_log(tmp_path, decides))
    assert not found.themes_help
    assert found.verdict.startswith("themes do not surely help on this log")
    assert found.auc["without"] > 0.75 if decides == "category" else abs(found.auc["without"] - 0.5) < 0.05


def test_a_probe_is_the_same_again_and_another_with_another_seed(by_theme: Path, probed: Probe):
    assert probe_themes(by_theme) == probed
    assert probe_themes(by_theme, seed=1).auc != probed.auc


def test_a_probe_reads_as_json_and_as_a_table(probed: Probe):
    read = json.loads(probed.to_json())
    assert read["verdict"] == probed.verdict and read["over_random"]["auc"]["lower"] == probed.over_random["auc"].lower
    console = Console(width=120, record=True)
    console.print(table(probed))
    shown = console.export_text()
    assert f"{probed.auc['themes']:.4f}" in shown


def test_what_happens_after_the_first_target_makes_no_theme(by_theme: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[np.ndarray] = []
    count = probe.co_occurrence

    def recorded(sessions: np.ndarray, tokens: np.ndarray, num_tokens: int):
        seen.append(tokens)
        return count(sessions, tokens, num_tokens)

    monkeypatch.setattr(probe, "co_occurrence", recorded)
    first_target = probe_themes(by_theme).first_target
    events = pd.read_parquet(by_theme / "events.parquet")
    assert len(seen[0]) == (events.timestamp < first_target).sum()


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(-1, 3)), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7), st.integers(-1, 4)), min_size=1, max_size=8),
)
def test_affinity_counts_what_lies_strictly_before_pair_by_pair(events, candidates):
    users, days, ids = np.array(events).T
    wanted_users, moments, wanted = np.array(candidates).T
    found = affinity(
        users, days * DAY, [ids], wanted_users=wanted_users, moments=moments * DAY, wanted=[wanted], time_scales=(2, 9)
    )
    for row, (user, moment, candidate) in enumerate(candidates):
        past = (users == user) & (days < moment)
        own = np.where(ids[past] < 0, -9, ids[past])  # an unknown id matches nothing, another unknown one neither
        seconds = (moment - days[past]) * DAY
        expected = [
            slow_affinity(np.zeros(past.sum()), [0], seconds, (2, 9)),
            slow_affinity(own, [candidate], seconds, (2, 9)),
        ]
        np.testing.assert_allclose(found[row], np.hstack(expected)[0], rtol=1e-5, atol=1e-5)


def test_recency_survives_times_a_thousand_scales_apart():
    days = np.array([0, 4000, 4000, 4001])
    found = affinity(
        np.array([0, 0, 1, 1]),
        days * DAY,
        [],
        wanted_users=np.array([0, 1]),
        moments=np.array([4001, 4002]) * DAY,
        wanted=[],
        time_scales=(0.5, 2.0),
    )
    np.testing.assert_allclose(found[:, 2], np.log([0.01 + np.exp(-2), 0.01 + np.exp(-2) + np.exp(-4)]), rtol=1e-5)


def test_listed_candidates_come_from_the_list_of_their_instant(tmp_path: Path):
    directory = write_planted_data(tmp_path, users=20)
    log = ItemLog.read(directory)
    end = int(log.times.max()) + 1
    targets = sample_targets(log, np.arange(20), 0, end, 10_000, np.random.default_rng(0))
    items = log.tables.item_ids[targets.items]
    events = pq.read_table(directory / "events.parquet").to_pandas()
    lists = pq.read_table(directory / "exposures.parquet").to_pandas().set_index("exposure_id").item_ids
    names = pd.unique(events.sort_values("user_id").user_id)
    for (user, time), rows in pd.DataFrame({"user": targets.users, "time": targets.times}).groupby(["user", "time"]):
        bought = events[(events.user_id == names[user]) & (events.timestamp == time)]
        listed = set(lists[bought.exposure_id.iloc[0]])
        positive = targets.labels[rows.index]
        assert set(items[rows.index][positive]) == listed & set(bought.item_id)
        negatives = items[rows.index][~positive]
        assert set(negatives) <= listed - set(bought.item_id) and len(set(negatives)) == len(negatives)


def test_candidates_without_lists_had_been_seen_before_and_negatives_were_not_chosen(by_theme: Path):
    log = ItemLog.read(by_theme)
    targets = sample_targets(log, np.arange(50), 0, int(log.times.max()) + 1, 500, np.random.default_rng(0))
    first = {int(item): log.times[log.items == item].min() for item in np.unique(log.items)}
    assert all(first[item] < time for item, time in zip(targets.items.tolist(), targets.times.tolist(), strict=True))
    chosen = set(zip(log.users.tolist(), log.times.tolist(), log.items.tolist(), strict=True))
    rows = zip(targets.users.tolist(), targets.times.tolist(), targets.items.tolist(), strict=True)
    assert [row in chosen for row in rows] == targets.labels.tolist()


def test_a_gain_is_the_difference_and_its_interval_that_of_resampled_users():
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(60), 10)
    labels = np.tile(np.arange(10) < 3, 60)
    noise = rng.standard_normal((5, 600)).round(1)  # ties
    scores = [noise[0] + 0.2 * labels, noise[1] + 2 * labels, *noise[2:]]
    found = compare(labels, users, scores, np.random.default_rng(1))
    aucs = [roc_auc_score(labels, score) for score in scores]
    assert found.auc == pytest.approx({"without": aucs[0], "themes": aucs[1], "random": np.mean(aucs[2:])})
    assert found.over_without["auc"].value == pytest.approx(aucs[1] - aucs[0])
    each = [np.mean([roc_auc_score(labels[u], scores[i][u]) for u in np.split(np.arange(600), 60)]) for i in (0, 1)]
    assert found.over_without["gauc"].value == pytest.approx(each[1] - each[0])
    resampled = []
    for draw in np.random.default_rng(1).multinomial(60, np.full(60, 1 / 60), size=probe.RESAMPLES):
        rows = np.repeat(np.arange(600), draw[users])
        resampled.append(roc_auc_score(labels[rows], scores[1][rows]) - roc_auc_score(labels[rows], scores[0][rows]))
    gain = found.over_without["auc"]
    assert (gain.lower, gain.upper) == pytest.approx(np.quantile(resampled, [0.025, 0.975]).tolist())


def test_too_few_tokens_and_an_unknown_token_are_refused(tmp_path: Path, by_theme: Path):
    with pytest.raises(DataError, match="needs 16 of them. Received: 8"):
        probe_themes(write_planted_data(tmp_path))
    with pytest.raises(DataError, match="'colour'"):
        probe_themes(by_theme, token="colour")
