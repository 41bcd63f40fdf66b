import json
import re

import pytest
from typer.testing import CliRunner

from mos_tf.study import check
from mos_tf.study.check import (
    COMMITTED,
    CheckError,
    check_study,
    check_table,
    compare,
    read_committed,
    require_agreement,
    write_committed,
)
from mos_tf.study.cli import app

VALUES = {"popularity": {"auc": 0.6, "gauc": 0.55, "log_loss": 0.4}}


@pytest.fixture
def committed(tmp_path):
    path = tmp_path / "check.json"
    write_committed(path, VALUES, "mos bench check --update", 60.0)
    return path


def moved(**metrics):
    return {"popularity": {**VALUES["popularity"], **metrics}}


def test_equal_values_and_those_within_the_tolerance_agree(committed):
    checked = compare(read_committed(committed), moved(auc=0.604))
    assert [(c.metric, c.committed, c.now, c.tolerance, c.agrees) for c in checked] == [
        ("auc", 0.6, 0.604, 0.005, True),
        ("gauc", 0.55, 0.55, 0.005, True),
        ("log_loss", 0.4, 0.4, 0.005, True),
    ]
    assert "| popularity: auc | 0.600000 | 0.604000 | +0.004000 | 0.005 | yes |" in check_table(checked)
    require_agreement(checked)


@pytest.mark.parametrize("auc", [0.594, 0.606])
def test_a_value_outside_of_its_tolerance_ends_the_check_in_one_line(committed, auc):
    checked = compare(read_committed(committed), moved(auc=auc))
    assert f"| {auc - 0.6:+.6f} | 0.005 | NO |" in check_table(checked)
    with pytest.raises(CheckError, match=re.escape(f"popularity: auc {auc:.4f} for 0.6000 ± 0.005; find out")) as told:
        require_agreement(checked)
    assert "\n" not in str(told.value) and told.value.exit_code == 1


def test_values_of_another_study_are_not_compared(committed):
    content = json.loads(committed.read_text())
    committed.write_text(json.dumps({**content, "study": "another"}))
    with pytest.raises(CheckError, match="Received: study another in .* mos bench check --update"):
        read_committed(committed)


def test_the_committed_values_are_those_of_the_study_and_of_every_metric():
    committed = read_committed(COMMITTED)
    assert committed["study"] == check_study().fingerprint
    assert set(committed["values"]) == {
        "SDIM: plain + affinity", "SDIM: MoS + affinity", "gradient boosting, own affinity"
    }  # fmt: skip
    assert all(row.keys() == committed["tolerances"].keys() for row in committed["values"].values())


def test_the_command_prints_what_differs_and_commits_it_when_told_to(committed, monkeypatch):
    monkeypatch.setattr(check, "measure", lambda processes: moved(gauc=0.5))
    monkeypatch.setattr(check, "COMMITTED", committed)
    runner = CliRunner()
    failed = runner.invoke(app, ["check"])
    assert isinstance(failed.exception, CheckError)
    assert "| popularity: gauc | 0.550000 | 0.500000 | -0.050000 | 0.005 | NO |" in failed.output
    assert runner.invoke(app, ["check", "--update"]).exit_code == 0
    assert runner.invoke(app, ["check"]).exit_code == 0
    assert json.loads(committed.read_text())["values"] == moved(gauc=0.5)


@pytest.mark.slow
def test_the_small_study_gives_its_committed_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == 0, done.exception
    assert list(tmp_path.iterdir()) == []
