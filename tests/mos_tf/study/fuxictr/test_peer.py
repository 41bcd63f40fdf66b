import json
import subprocess
import sys

import numpy as np
import pytest

from mos_tf.cli import is_installed
from mos_tf.errors import MosError
from mos_tf.study.fuxictr import peer
from mos_tf.study.fuxictr.job import MODELS, Job
from mos_tf.study.fuxictr.peer import fuxictr
from mos_tf.study.peer import Peer
from mos_tf.study.peers import PEERS, run_peer
from mos_tf.study.training import TRANSACT_EVENTS


def test_every_model_is_a_peer_that_says_what_installs_it():
    methods = [PEERS[f"FuxiCTR: {model}"] for model in MODELS]
    assert {(method.package, method.extra, method.by_chance) for method in methods} == {("fuxictr", "fuxictr", True)}


def test_a_process_that_fails_ends_in_one_line(study_data, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "Traceback …\nModuleNotFoundError: No module named 'torch'\n")
    monkeypatch.setattr(peer.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(
        MosError, match=r"Received: ModuleNotFoundError: No module named 'torch'; where it is missing, pip install"
    ) as raised:
        fuxictr("SDIM", study_data, seed=0, trial=0)
    assert "\n" not in str(raised.value)


def test_a_process_is_told_what_the_plain_encoder_sees(study_data, monkeypatch):
    told = []

    def ended(command, input, **_):
        told.append((command, Job.model_validate_json(input)))
        np.savez(told[0][1].out, validation=np.zeros(2), test=np.ones(3), step_seconds=np.array([0.5]))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(peer.subprocess, "run", ended)
    scored = fuxictr("TransAct", study_data, seed=3, trial=1)
    ((command, job),) = told
    assert command == [sys.executable, "-m", "mos_tf.study.fuxictr.training"]
    assert job.num_ids == {name: study_data.num_ids[name] for name in ("item_id", "category")}
    assert (job.model, job.seed, job.trial, job.max_events, job.numbers) == ("TransAct", 3, 1, TRANSACT_EVENTS, [])
    assert scored.test.tolist() == [1, 1, 1] and scored.price == {"step_ms": 500.0}


@pytest.mark.fuxictr
@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_trained_on_the_study_s_budget_and_again_the_same(study_data, tmp_path, model):
    assert is_installed("fuxictr")
    results = []
    for number in range(2):
        run = Peer(name=f"FuxiCTR: {model}", seed=0, trial=1)
        run_peer(run, study_data, tmp_path / str(number))
        results.append(json.loads((tmp_path / str(number) / run.file_name).read_text()))
    assert results[0]["test"] == results[1]["test"] and 0.3 < results[0]["test"]["auc"] < 1
    assert results[0]["price"]["step_ms"] > 0
