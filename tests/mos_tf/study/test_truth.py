import json
import shutil

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mos_tf.datasets.convert import convert
from mos_tf.datasets.files import read_table
from mos_tf.datasets.tensors import hash_user_ids
from mos_tf.errors import DataError
from mos_tf.study.config import CompleteJourney
from mos_tf.study.data import prepare
from mos_tf.study.peer import Peer
from mos_tf.study.peers import PEERS, run_peer
from mos_tf.study.truth import true_probabilities


@pytest.fixture(scope="module")
def log(study_data):
    return next(study_data.directory.parent.glob("sources/*"))


@pytest.fixture(scope="module")
def lists(log):
    """(user's hash, time) → the list shown: item → its true probability and label."""
    events, truth = (read_table(log / f"{name}.parquet").to_pandas() for name in ("events", "truth"))
    shown = {name: rows.set_index("item_id") for name, rows in truth.groupby("exposure_id", observed=True)}
    keys = zip(hash_user_ids(events["user_id"].astype(str)).numpy(), events["timestamp"], strict=True)
    return {key: shown[name] for key, name in zip(keys, events["exposure_id"], strict=True)}


def requests_of(requests):
    names = ("user_id", "request_time", "candidate_item_id", "label")
    columns = [requests.columns[name] for name in names]
    return zip(*(c.to_list() if hasattr(c, "to_list") else c.numpy() for c in columns), strict=True)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_candidate_has_the_probability_that_the_log_wrote_down(study_data, lists, split):
    requests, tokens = getattr(study_data, split), study_data.vocabularies["item_id"].tokens
    found, at = study_data.truth[split], 0
    for user, time, items, labels in requests_of(requests):
        shown = lists[user, time]
        own = found[at : at + len(items)]
        at += len(items)
        assert sorted(own) == pytest.approx(sorted(shown["true_probability"]))
        for item, probability, label in zip(items, own, labels, strict=True):
            if item < len(tokens):  # others share an id
                assert probability == pytest.approx(shown["true_probability"][tokens[item]])
                assert label == shown["label"][tokens[item]]
    assert at == len(found)


def test_a_request_that_shows_part_of_a_list_shares_the_probability_among_it(study_data, log, lists, tmp_path):
    config = study_data.config.requests.model_copy(update={"negatives_per_positive": 2})
    convert(log, tmp_path / "requests", study_data.spec, config)
    found = true_probabilities(log, sorted((tmp_path / "requests" / "Split-test").glob("*.gz")), None, 0)
    user, time, items, _ = next(iter(requests_of(study_data.test)))
    assert len(items) > 3
    of_three, of_list = found[:3], lists[user, time]["true_probability"].to_numpy()
    assert of_three.sum() == pytest.approx(1)
    ratios = of_list[:, None] / of_list
    assert all(np.isclose(ratios, ratio).any() for ratio in (of_three[0] / of_three[1], of_three[1] / of_three[2]))


def test_requests_that_were_drawn_keep_their_truth(study_data, log):
    files = sorted((study_data.directory / "requests" / "Split-test").glob("*.gz"))
    rows = study_data.test.columns["label"].value_rowids().numpy()
    drawn = np.sort(np.random.default_rng(3).choice(len(study_data.test), 9, replace=False))
    expected = study_data.truth["test"][np.isin(rows, drawn)]
    np.testing.assert_array_equal(true_probabilities(log, files, 9, 3), expected)


def test_a_log_that_is_not_the_requests_own_is_refused(study_data, log, tmp_path):
    (tmp_path / "log").mkdir()
    for path in log.glob("*.parquet"):
        (tmp_path / "log" / path.name).symlink_to(path)
    (tmp_path / "log" / "truth.parquet").unlink()
    read_table(log / "truth.parquet").slice(0, 10).to_pandas().to_parquet(tmp_path / "log" / "truth.parquet")
    files = sorted((study_data.directory / "requests" / "Split-test").glob("*.gz"))
    with pytest.raises(DataError, match="without one in .*; make the log again"):
        true_probabilities(tmp_path / "log", files, None, 0)


def test_data_without_its_truth_is_made_again(study_data, tmp_path):
    shutil.copytree(study_data.directory, tmp_path / "data")
    (tmp_path / "data" / "truth.npz").unlink()
    again = prepare(study_data.config, tmp_path / "data", study_data.directory.parent / "sources")
    np.testing.assert_array_equal(again.truth["test"], study_data.truth["test"])


def test_true_probabilities_are_a_peer_of_made_logs_alone(study_data, tmp_path):
    method = PEERS["true probabilities"]
    assert method.can_score(study_data)
    peer = Peer(name="true probabilities", seed=0)
    run_peer(peer, study_data, tmp_path)
    result = json.loads((tmp_path / peer.file_name).read_text())
    expected = roc_auc_score(study_data.test.labels, study_data.truth["test"])
    assert result["test"]["auc"] == pytest.approx(expected, abs=1e-6)
    assert not study_data.config.model_copy(update={"source": CompleteJourney()}).has_truth
