from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mos_tf.encoders import DIN
from mos_tf.errors import DataError
from mos_tf.study.data import prepare
from mos_tf.study.own_log import folder_of, study_of
from mos_tf.study.plan import Plan
from mos_tf.study.quality import run_study
from mos_tf.study.variants import ROWS


def log(rows=200, **columns):
    rng = np.random.default_rng(0)
    item = rng.integers(0, 20, rows)
    frame = {
        "user_id": [f"u{n}" for n in rng.integers(0, 10, rows)],
        "item_id": [f"i{n}" for n in item],
        "timestamp": 1_500_000_000 + np.sort(rng.integers(0, 100 * 86_400, rows)),
        "category": [f"c{n // 2}" for n in item],
    }
    return pd.DataFrame({**frame, **columns})


def test_a_log_of_events_is_studied_with_sampled_negatives_and_its_category_as_token(tmp_path):
    path = tmp_path / "clicks.csv"
    frame = log()
    frame.to_csv(path, index=False)
    config = study_of(path, tmp_path / "data")
    assert (config.name, config.requests.negatives) == ("clicks", "sampled")
    assert config.spec.theme_token == "category"
    assert [feature.name for feature in config.spec.features] == ["category"]
    splits = config.requests.splits
    shares = [(frame.timestamp < time).mean() for time in (splits.train_start, splits.train_end, splits.eval_end)]
    assert shares == pytest.approx([0.5, 0.8, 0.9], abs=0.02)
    assert config.time_scales == pytest.approx((6, 25), rel=0.05)


def test_of_several_category_like_columns_of_the_items_the_finest_is_the_token(tmp_path):
    events, directory = log(), tmp_path / "log"
    directory.mkdir()
    events.drop(columns="category").to_csv(directory / "events.csv", index=False)
    items = events[["item_id", "category"]].drop_duplicates("item_id")
    items.assign(item_type=items.category.str[:2], colour="red").to_csv(directory / "items.csv", index=False)
    spec = study_of(directory, tmp_path / "data").spec
    assert {feature.name for feature in spec.features} == {"category", "item_type"}
    assert spec.theme_token == "category"


def test_only_columns_of_single_values_are_categories(tmp_path):
    events, shop = log(), tmp_path / "shop"
    shop.mkdir()
    events.drop(columns="category").to_csv(shop / "events.csv", index=False)
    items = events[["item_id", "category"]].drop_duplicates("item_id")
    several = [[f"t{n}", "all"] for n in range(len(items))]
    items = items.assign(tag=several, **{"Sub-category": [{"of": name} for name in items.category]})
    items.to_parquet(shop / "items.parquet")
    spec = study_of(shop, tmp_path / "data").spec
    assert [feature.name for feature in spec.features] == ["category"]
    items.drop(columns="category").to_parquet(shop / "items.parquet")
    assert study_of(shop, tmp_path / "data").spec.theme_token == "item_id"


def test_labels_tell_what_was_shown(tmp_path):
    path = tmp_path / "impressions.csv"
    rng = np.random.default_rng(1)
    log(label=rng.integers(0, 2, 200)).to_csv(path, index=False)
    assert study_of(path, tmp_path / "data").requests.negatives == "exposed"


def test_a_log_without_enough_events_says_so(tmp_path):
    path = tmp_path / "few.csv"
    log(rows=2).to_csv(path, index=False)
    with pytest.raises(DataError, match="needs events in every part. Received: 2 events"):
        study_of(path, tmp_path / "data")


def test_times_too_coarse_to_part_say_so(tmp_path):
    path = tmp_path / "days.csv"
    log(timestamp=np.repeat([1_500_000_000, 1_500_086_400], 100)).to_csv(path, index=False)
    with pytest.raises(DataError, match="Received: two of them at one of 2 times"):
        study_of(path, tmp_path / "data")


def test_another_content_is_another_study_and_another_place_is_not(tmp_path):
    def fingerprint(frame, name):
        (tmp_path / name).mkdir()
        frame.to_csv(tmp_path / name / "log.csv", index=False)
        return study_of(tmp_path / name / "log.csv", tmp_path / name / "data").fingerprint

    same, again = fingerprint(log(), "here"), fingerprint(log(), "there")
    other = log()
    other.loc[0, "item_id"] = "i19"
    assert same == again != fingerprint(other, "changed")


def test_a_log_of_a_few_days_without_lists_has_no_requests_and_says_so(tmp_path):
    path = tmp_path / "days.csv"
    log(timestamp=1_500_000_000 + np.arange(200) * 900).to_csv(path, index=False)
    config = study_of(path, tmp_path / "data")
    with pytest.raises(DataError, match="every split has requests. Received: none of 'train'"):
        prepare(config, tmp_path / "study", tmp_path / "sources")


def test_a_log_whose_candidates_are_all_clicked_says_so(tmp_path):
    path = tmp_path / "clicked.csv"
    log(label=1).to_csv(path, index=False)
    config = study_of(path, tmp_path / "data")
    with pytest.raises(DataError, match="with and without a click. Received: .* of 'train' in .*, all with label 1; "):
        prepare(config, tmp_path / "study", tmp_path / "sources")


def test_one_category_for_all_items_parts_none_of_them_and_is_no_feature(tmp_path):
    path = tmp_path / "same.csv"
    log(category="c").to_csv(path, index=False)
    config = study_of(path, tmp_path / "data")
    assert config.spec.theme_token == "item_id" and config.spec.features == ()


def test_a_log_without_two_events_in_a_session_teaches_no_themes_and_says_so_before_it_trains(tmp_path):
    path = tmp_path / "daily.csv"
    log(timestamp=1_500_000_000 + np.arange(200) * 86_400).to_csv(path, index=False)
    config = study_of(path, tmp_path / "data")
    plan = Plan(("DIN",), {"plain + affinity": 1, "MoS + affinity": 1}, {}, trials=1)
    with pytest.raises(DataError, match="occurs together in a session. Received: daily.csv, in which no two of"):
        run_study(config, plan, tmp_path / "out", 1, tmp_path / "sources")


def test_a_category_that_no_feature_can_be_called_like_is_named(tmp_path):
    events, shop = log(), tmp_path / "shop"
    shop.mkdir()
    events.drop(columns="category").to_csv(shop / "events.csv", index=False)
    items = events[["item_id", "category"]].drop_duplicates("item_id")
    items.rename(columns={"category": "Sub-category"}).to_csv(shop / "items.csv", index=False)
    with pytest.raises(DataError, match=r"lower-case identifiers. Received: \['Sub-category'\]; rename"):
        study_of(shop, tmp_path / "data")


def test_a_directory_is_called_by_its_name_however_it_is_reached(tmp_path, monkeypatch):
    here = tmp_path / "shop"
    here.mkdir()
    log().to_csv(here / "events.csv", index=False)
    monkeypatch.chdir(here)
    assert study_of(Path("."), tmp_path / "data").name == "shop"
    assert folder_of(Path(".")) == folder_of(here)


def test_logs_of_one_name_in_two_places_have_directories_of_their_own(tmp_path):
    here, there = tmp_path / "here" / "log.csv", tmp_path / "there" / "log.csv"
    here.parent.mkdir()
    log().to_csv(here, index=False)
    assert folder_of(here) == folder_of(here.parent / ".." / "here" / "log.csv") != folder_of(there)
    config = study_of(here, tmp_path / "data" / folder_of(here))
    assert (config.name, config.folder) == ("log", folder_of(here))


def test_there_are_no_more_themes_than_tokens_that_share_early_sessions(tmp_path):
    rng, rows = np.random.default_rng(3), 2000
    item = np.where(np.arange(rows) < rows // 2, rng.integers(0, 20, rows), rng.integers(0, 120, rows))
    path = tmp_path / "growing.csv"
    log(rows, item_id=[f"i{n}" for n in item], category=[f"c{n // 2}" for n in item]).to_csv(path, index=False)
    study = prepare(study_of(path, tmp_path / "data"), tmp_path / "study", tmp_path / "sources")
    assert study.num_ids["category"] > 33  # those of training, and most of them came after its start
    assert study.num_themes == (8,)
    ROWS["MoS + affinity"].make(study, DIN, seed=0).adapt(study.train.batches(1024))
