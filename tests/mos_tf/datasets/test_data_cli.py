import json

import pytest
import yaml
from typer.testing import CliRunner

from mos_tf.datasets.cli import app
from mos_tf.errors import DataError
from tests.support.small_log import SPEC, config, event, write_data_dir

LOG = [event("anna", "soap", 5), *(event("anna", "tea", week * 604_800, str(week)) for week in range(2, 10))]


def mos_data(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize("command", ["fetch", "adapt", "generate", "describe", "convert"])
def test_help_has_an_example(command):
    result = mos_data(command, "--help")
    assert result.exit_code == 0
    assert f"Example: mos data {command}" in result.output


def test_describe_prints_tables_and_writes_json(tmp_path):
    result = mos_data("describe", write_data_dir(tmp_path, LOG), "--json", tmp_path / "described.json")
    assert result.exit_code == 0 and "history length" in result.output
    assert json.loads((tmp_path / "described.json").read_text())["events"] == 9


def test_adapt_prints_found_beside_published_statistics(tmp_path):
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,10,4.0,5\n1,20,3.0,6\n")
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n10,Heat,Action\n20,Nothing,(no genres listed)\n")
    result = mos_data("adapt", "movielens-20m", tmp_path, "--out", tmp_path / "out")
    assert result.exit_code == 0
    rows = {cells[0]: cells[1:] for line in result.output.splitlines() if (cells := line.replace("│", " ").split())}
    assert rows["users"] == ["1", "138,493", "-100.00%"]
    assert rows["positive"] == ["share", "50.0%"]  # nothing is published of it
    assert "splits: {'train_start': 0, 'train_end': 3600" in result.output
    assert "0 bad rows" in result.output
    assert mos_data("describe", tmp_path / "out").exit_code == 0
    assert mos_data("adapt", "netflix", tmp_path, "--out", tmp_path / "out").exit_code == 2


def test_generate_makes_a_log_that_describe_reads(tmp_path):
    result = mos_data("generate", "--out", tmp_path / "made", "--users", 3, "--mode", "no_signal", "--sessions", 4)
    assert result.exit_code == 0 and "3 users" in result.output
    assert mos_data("describe", tmp_path / "made").exit_code == 0
    assert mos_data("generate", "--out", tmp_path / "made", "--users", 0).exit_code == 2
    assert mos_data("generate", "--out", tmp_path / "made", "--mode", "random").exit_code == 2


@pytest.mark.slow
def test_describe_can_probe_whether_themes_help(tmp_path):
    mos_data("generate", "--out", tmp_path / "made", "--users", 300)
    result = mos_data("describe", tmp_path / "made", "--probe")
    assert result.exit_code == 0
    assert "learned themes" in result.output and "AUC gains at least" in result.output


def test_convert_says_what_it_made_and_what_it_did_not_read(tmp_path):
    content = {"spec": SPEC.model_dump(mode="json"), "requests": config().model_dump(mode="json"), "training": {}}
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump(content))
    data = write_data_dir(tmp_path / "data", LOG)
    result = mos_data("convert", data, "--config", tmp_path / "pipeline.yaml", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "not read here: training" in result.output
    assert "1 users, 9 rows, 0 bad" in result.output
    assert len(list((tmp_path / "out").glob("Split-*/*.tfrecord.gz"))) == 3


def test_an_error_reaches_the_root_which_prints_it_as_one_line(tmp_path):
    with pytest.raises(DataError, match="absent.yaml"):
        mos_data("convert", tmp_path, "--config", tmp_path / "absent.yaml", "--out", tmp_path / "out")


def test_a_data_set_that_is_not_known_is_wrong_usage():
    result = mos_data("fetch", "netflix")
    assert result.exit_code == 2
    assert "complete-journey" in result.output
