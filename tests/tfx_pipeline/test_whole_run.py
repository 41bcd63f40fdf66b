"""The pipeline as a user runs it, on planted data: fresh, again, refused, and killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.planted import planted_config, write_planted_data

pytestmark = pytest.mark.slow

MOS = Path(sys.executable).with_name("mos")


def start(directory: Path, *options: str) -> "subprocess.Popen[str]":
    """Starts `mos pipeline run` in a process group of its own."""
    command = [str(MOS), "pipeline", "run", "--config", str(directory / "config.yaml"), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def run(directory: Path, *options: str) -> tuple[int, str, str]:
    """Returns exit code, stdout and stderr."""
    process = start(directory, *options)
    out, err = process.communicate()
    return process.returncode, out, err


def configure(directory: Path, **changes: object) -> None:
    (directory / "config.yaml").write_text(yaml.safe_dump(planted_config(directory, **changes)))


def result(directory: Path, name: str):
    return json.loads((directory / "out" / "results" / f"{name}.json").read_text())


def cached(directory: Path) -> set[str]:
    return {node["node"] for node in result(directory, "nodes") if node["cached"]}


def versions(directory: Path) -> set[str]:
    """Returns the versions in the serving directory, each of which must be whole."""
    serving = directory / "out" / "serving"
    found = {path.name for path in serving.iterdir()} if serving.exists() else set()
    for version in found:
        assert version.isdecimal()
        assert (serving / version / "saved_model.pb").is_file()
        assert (serving / version / "variables" / "variables.index").is_file()
        assert (serving / version / "assets.extra" / "ranker.json").is_file()
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, str]:
    """A directory in which the pipeline ran once, and what it said."""
    directory = tmp_path_factory.mktemp("finished")
    write_planted_data(directory / "data")
    configure(directory)
    code, out, err = run(directory)
    assert (code, err) == (0, "")
    return directory, out


def test_a_run_goes_from_events_to_a_served_model_and_says_so(finished):
    directory, out = finished

    assert "[11/11] AtomicPusher" in out
    assert len(versions(directory)) == 1
    evaluation = result(directory, "evaluation")
    assert evaluation["blessed"]
    assert evaluation["baseline"] is None
    assert {metric["metric"] for metric in evaluation["metrics"]} >= {"auc", "gauc", "log_loss", "calibration"}
    assert {metric["slice"] for metric in evaluation["metrics"]} == {"overall", "history_length=10-99"}
    assert result(directory, "examples")["requests"]["test/requests"] > 0
    assert len(result(directory, "themes")["tokens"]) == 8
    assert result(directory, "training")["steps"] == 60


def test_the_second_run_has_a_baseline_and_the_third_comes_from_the_cache(finished):
    directory, _ = finished
    pushed = versions(directory)

    assert run(directory)[0] == 0
    assert result(directory, "evaluation")["baseline"] is not None
    assert {"InteractionsExampleGen", "Transform", "Trainer", "ServingCheck"} <= cached(directory)

    assert run(directory)[0] == 0
    assert {node["node"] for node in result(directory, "nodes")} - cached(directory) == {"LatestBlessedModel"}
    assert versions(directory) == pushed


def test_a_gate_that_is_not_met_ends_with_exit_code_3_and_one_line(finished):
    directory, _ = finished
    pushed = versions(directory)
    configure(directory, gates={"min_auc": 0.999})
    try:
        code, _, err = run(directory)
    finally:
        configure(directory)

    assert code == 3
    assert err.count("\n") == 1
    assert "auc on slice overall is 0." in err
    assert "threshold 0.9990" in err
    assert versions(directory) == pushed
    assert result(directory, "evaluation")["blessed"] is False


def test_anomalous_data_stops_the_run_before_transform_with_exit_code_4(tmp_path):
    write_planted_data(tmp_path / "data", users=10, last_price=float("inf"))
    configure(tmp_path)

    code, out, err = run(tmp_path)

    assert code == 4
    assert err.count("\n") == 1
    assert "price" in err
    assert "AnomalyGate" in out
    assert "Transform" not in out


def test_a_run_killed_in_any_node_is_completed_by_the_next(tmp_path):
    write_planted_data(tmp_path / "data")
    configure(tmp_path)

    for node in ("InteractionsExampleGen", "Trainer", "AtomicPusher"):
        process = start(tmp_path)
        assert any(line.rstrip().endswith(node) for line in process.stdout or ())
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.communicate()
        versions(tmp_path)

    assert run(tmp_path)[0] == 0
    assert len(versions(tmp_path)) == 1
    assert {"InteractionsExampleGen", "Transform", "Trainer", "ServingCheck"} <= cached(tmp_path)
