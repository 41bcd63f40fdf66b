import json
import math
import sys
from collections import Counter, defaultdict

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from mos_tf.errors import MosError
from mos_tf.study import dcn
from mos_tf.study.measures import Judge
from mos_tf.study.numbers import numbers_of, splits_of
from mos_tf.study.peer import Peer
from mos_tf.study.peers import PEERS, run_peer
from mos_tf.study.popularity import log_popularity
from mos_tf.study.tabular import gradient_boosting


def test_popularity_counts_each_training_event_once_and_never_the_users_own(study_data):
    train, item_ids = study_data.train.columns, study_data.num_ids["item_id"]
    latest = {}
    for user, time, items in zip(
        train["user_id"].numpy(), train["request_time"].numpy(), train["history_item_id"].to_list(), strict=True
    ):
        if user not in latest or time > latest[user][0]:
            latest[user] = (time, items)
    counts, own = Counter(), defaultdict(Counter)
    for user, (_, items) in latest.items():
        counts.update(items)
        own[user].update(items)
    known = sum(count for item, count in counts.items() if item < item_ids - 1)

    def expected(requests, of_user):
        items = requests.columns["candidate_item_id"].flat_values.numpy()
        seen = [
            0 if item == item_ids - 1 else counts[item] - (own[user][item] if of_user else 0)
            for user, item in zip(requests.users, items, strict=True)
        ]
        return [math.log((1 + n) / (item_ids + known)) for n in seen]

    found = log_popularity(study_data)
    np.testing.assert_allclose(found["train"], expected(study_data.train, of_user=True), rtol=1e-6)
    np.testing.assert_allclose(found["test"], expected(study_data.test, of_user=False), rtol=1e-6)


def test_numbers_lie_in_the_order_of_the_candidates_and_priors_leave_the_own_fold_out_in_training_only(study_data):
    numbers = numbers_of(study_data, "own affinity", 0)
    for split, requests in splits_of(study_data).items():
        assert {len(part) for part in numbers[split]} == {len(requests.labels)}
    train = study_data.train
    items = train.columns["candidate_item_id"].flat_values.numpy()
    folds = train.users % 5
    row = 3
    others = (items == items[row]) & (folds != folds[row])
    counted = numbers["train"].priors[row, 1]  # log(1 + count of the item)
    assert counted == pytest.approx(math.log1p(others.sum() * 5 / 4), rel=1e-5)
    test_item = study_data.test.columns["candidate_item_id"].flat_values.numpy()[0]
    assert numbers["test"].priors[0, 1] == pytest.approx(math.log1p((items == test_item).sum()), rel=1e-5)


def test_random_themes_are_drawn_by_the_seed(study_data):
    first, second = (gradient_boosting("random themes", study_data, seed, 0)[1] for seed in (0, 1))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("name", ["popularity", "logistic regression", "gradient boosting, learned themes + priors"])
def test_a_peer_is_written_down_like_a_cell(study_data, tmp_path, name):
    peer = Peer(name=name, seed=0)
    run_peer(peer, study_data, tmp_path)
    result = json.loads((tmp_path / peer.file_name).read_text())
    assert (result["encoder"], result["variant"], result["price"]) == ("", name, {})
    assert result["resampled"]["auc"][0] == result["test"]["auc"]
    assert ("log_loss" in result["test"]) == PEERS[name].probabilities


@pytest.mark.slow
def test_the_mean_pooled_network_learns_on_the_study_s_budget(study_data, tmp_path):
    name = "MLP of the mean-pooled history + affinity"
    run_peer(Peer(name=name, seed=0), study_data, tmp_path)
    result = json.loads(next(tmp_path.iterdir()).read_text())
    assert result["test"]["auc"] > 0.65 < result["validation"]["auc"]
    assert set(result["price"]) == {"multiply_adds", "parameters"}
    assert result["price"]["multiply_adds"] > 0


@pytest.mark.slow
def test_the_deep_cross_network_learns_and_repeats_by_its_seed(study_data):
    validation, test = dcn.deep_cross_network(study_data, 0, 0)
    assert roc_auc_score(study_data.test.labels, test) > 0.65 < roc_auc_score(study_data.validation.labels, validation)
    np.testing.assert_array_equal(dcn.deep_cross_network(study_data, 0, 0)[1], test)


@pytest.mark.parametrize("steps", [0, 2])  # before it diverges: of none and of one of the two validations
def test_a_deep_cross_network_that_diverges_is_judged_by_what_it_knew_before(study_data, monkeypatch, steps):
    schedules = tf.keras.optimizers.schedules

    def no_number_after_steps(rate, _):
        return schedules.PiecewiseConstantDecay([steps - 1], [rate, math.nan])

    monkeypatch.setattr(schedules, "CosineDecay", no_number_after_steps)
    validation, test = dcn.deep_cross_network(study_data, 0, 0)
    assert np.isfinite(validation).all() == np.isfinite(test).all() == (steps > 0)
    assert (Judge(study_data.validation).metrics(validation)["gauc"] > 0.5) == (steps > 0)


def test_a_package_that_is_missing_is_told_with_how_to_install_it(study_data, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_recommenders.layers.feature_interaction", None)
    with pytest.raises(MosError, match=r'pip install "mos-tf\[bench\]"'):
        dcn.deep_cross_network(study_data, 0, 0)
