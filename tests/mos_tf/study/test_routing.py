import json

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from mos_tf.datasets.files import read_table
from mos_tf.datasets.tensors import hash_user_ids
from mos_tf.errors import DataError
from mos_tf.layers.theme_router import ThemeRouter
from mos_tf.models.early_events import theme_sessions
from mos_tf.study import routing
from mos_tf.study.routed_events import RoutedEvents
from mos_tf.study.routing import WAYS, judge_routing, learn
from mos_tf.study.routing_figures import Figure
from mos_tf.study.routing_report import routing_table, write_routing


@pytest.fixture(scope="module")
def events(study_data):
    return RoutedEvents.of(study_data)


@pytest.fixture(scope="module")
def sessions(study_data):
    return theme_sessions(study_data.train.batches(64), "category")


def test_routings_are_judged_on_each_event_once_between_training_and_the_latest_request(study_data, events):
    log = next(study_data.directory.parent.glob("sources/*"))
    rows = read_table(log / "events.parquet").to_pandas()
    rows["user"] = hash_user_ids(rows["user_id"].astype(str)).numpy()
    items = read_table(log / "items.parquet").to_pandas().set_index("item_id")
    splits = study_data.config.requests.splits
    last = rows[(rows["timestamp"] >= splits.eval_end) & (rows["timestamp"] < splits.test_end)]
    last = last.groupby("user")["timestamp"].max()
    judged = rows[(rows["timestamp"] >= splits.train_end) & (rows["timestamp"] < rows["user"].map(last))]
    judged = judged.sort_values(["user", "timestamp"])
    order = np.lexsort((events.times, events.users))
    np.testing.assert_array_equal(events.users[order], judged["user"])
    np.testing.assert_array_equal(events.times[order], judged["timestamp"])
    tokens = np.array(study_data.vocabularies["category"].tokens)
    np.testing.assert_array_equal(tokens[events.tokens][order], items["category"].reindex(judged["item_id"]))
    truth = items["true_theme"].reindex(judged["item_id"])
    assert normalized_mutual_info_score(truth, events.groups["true_theme"][order]) == pytest.approx(1)
    assert list(events.groups) == ["true_theme"]


def test_other_categories_of_the_items_are_groups_too(study_data, monkeypatch):
    latest = study_data.test.latest()
    spec = study_data.spec.model_copy(update={"theme_token": "item_id"})
    monkeypatch.setattr(study_data, "config", study_data.config.model_copy(update={"spec": spec}))
    events = RoutedEvents.of(study_data)
    times = latest.columns["history_timestamp"].flat_values.numpy()
    items = latest.columns["history_item_id"].flat_values.numpy()
    kept = (times >= study_data.config.requests.splits.train_end) & (items < study_data.num_ids["item_id"] - 1)
    categories = latest.columns["history_category"].flat_values.numpy()[kept]
    np.testing.assert_array_equal(events.groups["category"], categories)
    assert list(events.groups) == ["true_theme", "category"]


def test_a_log_without_events_after_training_is_told_to_be_too_short(study_data, monkeypatch):
    requests = study_data.config.requests
    late = requests.splits.model_copy(update={"train_end": requests.splits.test_end})
    changes = {"requests": requests.model_copy(update={"splits": late})}
    monkeypatch.setattr(study_data, "config", study_data.config.model_copy(update=changes))
    told = f"latest test request. Received: 0 events of a known category since {late.train_end}; give a longer log"
    with pytest.raises(DataError, match=told) as raised:
        RoutedEvents.of(study_data)
    assert "\n" not in str(raised.value)


def test_a_router_is_taught_by_its_own_losses_alone_as_many_steps_as_a_ranker_has(study_data, sessions):
    router = ThemeRouter(study_data.num_ids["category"], 8, learn=True)
    router.adapt(*sessions)
    before = [weight.numpy() for weight in router.trainable_variables]
    learn(router, study_data, seed=0)
    assert all((weight.numpy() != old).any() for weight, old in zip(router.trainable_variables, before, strict=True))
    again = ThemeRouter(study_data.num_ids["category"], 8, learn=True)
    again.adapt(*sessions)
    learn(again, study_data, seed=0)
    np.testing.assert_allclose(again.embeddings, router.embeddings, atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_finds_themes_of_all_resolutions_and_by_its_seed(study_data, sessions, way):
    first, second = (WAYS[way](study_data, sessions, seed).table for seed in (0, 1))
    assert first.shape == (study_data.num_ids["category"], 3)
    assert np.any(np.array(first) != np.array(second))


def test_themes_are_judged_by_way_and_resolution_and_better_than_chance(study_data, events, monkeypatch):
    monkeypatch.setattr(routing, "WAYS", {"co-occurrence": WAYS["co-occurrence"]})
    judged = judge_routing(study_data, events, seeds=2)
    assert list(judged) == [("co-occurrence", themes) for themes in (8, 32, 128)]
    agreement = judged["co-occurrence", 32]["NMI, true_theme"]
    assert len(agreement.by_seed) == 2 and agreement.value > agreement.random + 0.1
    assert len(judged["co-occurrence", 8]["NMI of two seeds"].by_seed) == 1


JUDGED = {
    ("co-occurrence", 8): {"NMI, aisle": Figure((0.5, 0.7), 0.1), "dead": Figure((1.0, 0.0), 0.0)},
    ("co-occurrence", 32): {"NMI, aisle": Figure((0.8, 0.8), 0.25), "dead": Figure((2.0, 3.0), 1.0)},
}


def test_a_table_shows_means_over_seeds_and_those_of_random_themes():
    assert routing_table(JUDGED).splitlines() == [
        "|  | themes | NMI, aisle | dead |",
        "| --- | ---: | ---: | ---: |",
        "| co-occurrence | 8 | 0.600 (0.100) | 0.5 (0.0) |",
        "| co-occurrence | 32 | 0.800 (0.250) | 2.5 (1.0) |",
    ]


def test_a_report_of_routing_is_a_page_and_all_figures(study_data, tmp_path):
    paths = write_routing(study_data.config, JUDGED, 1234, tmp_path, command="mos bench routing", seconds=9.0)
    assert [path.name for path in paths] == ["generated-hopping-routing.json", "generated-hopping-routing.md"]
    page, content = paths[1].read_text(), json.loads(paths[0].read_text())
    assert page.startswith(f"# {study_data.config.title}: routing\n") and "on 1,234 events" in page
    assert page.endswith(routing_table(JUDGED))
    assert content["routings"][1] == {
        "way": "co-occurrence",
        "num_themes": 32,
        "figures": {
            "NMI, aisle": {"by_seed": [0.8, 0.8], "random": 0.25},
            "dead": {"by_seed": [2.0, 3.0], "random": 1.0},
        },
    }
