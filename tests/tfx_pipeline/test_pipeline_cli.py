import json

import pytest
import yaml
from typer.testing import CliRunner

from mos_tf.errors import DataError, MosError
from tests.support.planted import planted_config
from tfx_pipeline.cli import app


def invoke(*arguments: object):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=True)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(planted_config(tmp_path)))
    return path


@pytest.fixture
def results(tmp_path):
    directory = tmp_path / "out" / "results"
    directory.mkdir(parents=True)
    metric = {"slice": "overall", "metric": "gauc", "value": 0.71, "baseline_value": 0.72}
    gate = {
        "metric": "gauc",
        "slice": "overall",
        "kind": "change",
        "value": -0.01,
        "threshold": -0.005,
        "passed": False,
    }
    evaluation = {"blessed": False, "baseline": "Trainer/model/8", "metrics": [metric], "gates": [gate]}
    (directory / "evaluation.json").write_text(json.dumps(evaluation))
    (directory / "nodes.json").write_text(
        json.dumps([{"node": "Trainer", "seconds": 61.5, "cached": False, "produced": "Model (7.6 MB)"}])
    )


@pytest.mark.parametrize("command", ["run", "compile", "show"])
def test_every_command_has_an_example_in_its_help(command):
    result = invoke(command, "--help")

    assert result.exit_code == 0
    assert f"Example: mos pipeline {command}" in " ".join(result.output.split())


def test_show_tells_what_the_latest_run_did(config, results):
    output = " ".join(invoke("show", "--config", config).output.split())

    assert "Trainer 61.5 Model (7.6 MB)" in output
    assert "overall 0.7100 (0.7200)" in output
    assert "Not blessed: change of gauc on slice overall is -0.0100, threshold -0.0050" in output
    assert "compared with Trainer/model/8" in output


def test_show_before_any_run_says_what_to_run(config):
    result = invoke("show", "--config", config)

    assert isinstance(result.exception, MosError)
    assert "mos pipeline run" in str(result.exception)


def test_a_config_that_breaks_a_rule_is_refused_before_anything_is_loaded(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(planted_config(tmp_path, gates={"min_auc": 2})))

    result = invoke("run", "--config", path)

    assert isinstance(result.exception, MosError)
    assert "gates.min_auc" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_run_without_data_says_so_as_bad_data(config):
    result = invoke("run", "--config", config)

    assert isinstance(result.exception, DataError)
    assert "data_dir" in str(result.exception)


def test_compile_writes_for_kubeflow_by_default(config, tmp_path):
    result = invoke("compile", "--config", config, "--output", tmp_path / "pipeline.yaml")

    assert "kubeflow" in result.output
    assert yaml.safe_load((tmp_path / "pipeline.yaml").read_text())["pipelineInfo"]["name"] == "planted"
