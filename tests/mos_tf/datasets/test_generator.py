import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from sklearn.metrics import roc_auc_score

from mos_tf.datasets.config import SPLITS, RequestConfig, load_config
from mos_tf.datasets.convert import convert
from mos_tf.datasets.generator.config import GeneratorConfig, Mode
from mos_tf.datasets.generator.generate import generate
from mos_tf.errors import DataError
from tests.support.small_log import SPEC

FILES = ("events", "items", "exposures", "truth")


def read(directory, name):
    return pq.read_table(directory / f"{name}.parquet")


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """Mode → data directory of 400 users."""
    directory = tmp_path_factory.mktemp("generated")
    for mode in Mode:
        generate(GeneratorConfig(mode=mode, users=400), directory / mode)
    return {mode: directory / mode for mode in Mode}


def test_the_seed_decides_every_row_and_the_chunk_none(tmp_path):
    config = GeneratorConfig(users=30)
    counts = generate(config, tmp_path / "whole")
    assert generate(config, tmp_path / "parts", users_per_chunk=7) == counts
    generate(config.model_copy(update={"seed": 1}), tmp_path / "other")
    for name in FILES:
        assert read(tmp_path / "whole", name).equals(read(tmp_path / "parts", name))
    assert not read(tmp_path / "whole", "events").equals(read(tmp_path / "other", "events"))
    assert json.loads((tmp_path / "whole" / "settings.json").read_text())["users"] == 30


@pytest.mark.parametrize("mode", Mode)
def test_a_chunk_changes_nothing_in_any_mode(tmp_path, mode):
    config = GeneratorConfig(users=12, mode=mode)
    generate(config, tmp_path / "whole")
    generate(config, tmp_path / "parts", users_per_chunk=5)
    assert all(read(tmp_path / "whole", name).equals(read(tmp_path / "parts", name)) for name in FILES)


@pytest.mark.parametrize("mode", Mode)
def test_files_agree_with_each_other(logs, mode):
    events, items, exposures, truth = (read(logs[mode], name).to_pandas() for name in FILES)
    assert len(events) == len(exposures) == truth["label"].sum()
    clicked = truth[truth["label"] == 1]
    assert (clicked["item_id"].to_numpy() == events["item_id"].to_numpy()).all()
    assert (clicked["true_probability"].to_numpy() == events["true_probability"].to_numpy()).all()
    assert (exposures.explode("item_ids")["item_ids"].to_numpy() == truth["item_id"].to_numpy()).all()
    assert truth.groupby("exposure_id")["true_probability"].sum().to_numpy() == pytest.approx(1)
    assert truth["true_probability"].between(0, 1).all() and not truth.duplicated(["exposure_id", "item_id"]).any()
    assert not events.duplicated(["user_id", "timestamp"]).any()
    merged = events.merge(items, on="item_id")
    assert (merged["true_theme_x"] == merged["true_theme_y"]).all()


@pytest.mark.parametrize("mode", Mode)
def test_labels_are_draws_of_the_true_probabilities(logs, mode):
    truth = read(logs[mode], "truth")
    p, label = truth["true_probability"].to_numpy(), truth["label"].to_numpy()
    for part in np.array_split(np.argsort(p), 20):
        error = np.sqrt(np.sum(p[part] * (1 - p[part])) + 1)
        assert abs(label[part].sum() - p[part].sum()) < 4 * error
    # The AUC of p for new labels drawn from p is that for the labels that are written.
    redrawn = np.random.default_rng(0).random(len(p)) < p
    assert roc_auc_score(label, p) == pytest.approx(roc_auc_score(redrawn, p), abs=0.006)


def popularity_auc(directory):
    """By all clicks, these labels among them: more than an honest popularity would reach."""
    truth = read(directory, "truth").to_pandas()
    clicks = truth["item_id"].map(read(directory, "events").to_pandas()["item_id"].value_counts()).fillna(0)
    return roc_auc_score(truth["label"], clicks)


def test_the_bayes_optimal_auc_lies_far_above_popularity(logs):
    truth = read(logs[Mode.HOPPING], "truth")
    best = roc_auc_score(truth["label"].to_numpy(), truth["true_probability"].to_numpy())
    assert 0.5 < popularity_auc(logs[Mode.HOPPING]) < best - 0.1


def test_requests_keep_every_shown_item_with_its_label(tmp_path):
    data = tmp_path / "data"
    generate(GeneratorConfig(users=12), data)
    day, start = 86_400, GeneratorConfig().start
    splits = {"train_start": start, "train_end": start + 7 * day, "eval_end": start + 8 * day}
    config = RequestConfig(splits={**splits, "test_end": start + 100 * day})
    counts = convert(data, tmp_path / "out", SPEC, config)
    positives, negatives = (
        sum(counts.requests[f"{split}/{what}"] for split in SPLITS) for what in ("positives", "negatives")
    )
    assert positives == read(data, "events").num_rows
    assert positives + negatives == read(data, "truth").num_rows
    assert counts.dead_letters.total() == 0


def test_the_pipeline_that_is_ready_for_it_covers_the_log_and_keeps_whole_lists():
    generated = Path(__file__).parents[3] / "tfx_pipeline" / "configs" / "generated.yaml"
    spec, requests, _ = load_config(generated)
    config = GeneratorConfig()
    assert spec.theme_token == "category"
    assert requests.negatives_per_positive == config.list_size - 1
    assert requests.splits.test_end == config.start + config.days * 86_400


def test_an_earlier_made_log_is_replaced_and_nothing_else(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")  # of data that was fetched, say
    with pytest.raises(DataError, match="only an own, earlier output"):
        generate(GeneratorConfig(users=1), tmp_path)
    for seed in (0, 1):
        generate(GeneratorConfig(users=1, seed=seed), tmp_path / "made")
    assert json.loads((tmp_path / "made" / "settings.json").read_text())["seed"] == 1


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"main_share": 0.7, "stray_share": 0.4}, "main_share \\+ stray_share <= 1"),
        ({"session_length_quantiles": {0: 2, 0.5: 1, 1: 3}}, "rise together"),
        ({"session_length_quantiles": {0: 1, 0.5: 2}}, "from 0 to 1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, rule):
    with pytest.raises(ValidationError, match=rule):
        GeneratorConfig(**settings)
