import pytest
from typer.testing import CliRunner

from mos_tf.errors import MosError
from mos_tf.study.cli import app


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["quality"], "Received: study=None, events=None"),
        (["quality", "generated-hopping", "--events", "log.csv"], "give one of them"),
        (["quality", "netflix"], "Received: 'netflix'"),
        (["quality", "generated-hopping", "--budget", "year"], "Received: 'year'"),
        (["quality", "--events", "nowhere.csv"], "Received: nowhere.csv"),
        (["quality", "generated-hopping", "--cells", "nowhere.zip"], "Received: nowhere.zip"),
        (["routing", "--events", "nowhere.csv"], "Received: nowhere.csv"),
        (["check", "--results", "."], "Received: none in"),
        (["ablations"], "Received: study=None, events=None"),
        (["ablations", "generated-hopping", "--budget", "year"], "Received: 'year'"),
    ],
)
def test_a_wrong_question_is_answered_in_one_line(arguments, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, MosError)
    assert told in str(done.exception)
    assert "\n" not in str(done.exception)
