import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import serving.local_server
from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.datasets.config import RequestConfig
from mos_tf.datasets.convert import convert
from mos_tf.datasets.tensors import load_requests
from mos_tf.datasets.vocabularies import count_vocabularies
from mos_tf.encoders import DIN
from mos_tf.errors import DataError, MosError
from mos_tf.features import FeatureSpec
from mos_tf.insight.results import Rankings
from serving.cli import app, rank
from serving.export import export_ranker
from serving.local_server import LocalServer, stop_event
from tests.serving.conftest import randomise
from tests.support.planted import LISTED, planted_config, write_planted_data


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a pipeline leaves: `data/`, `out/serving/<version>/`; the ranker in it has random weights."""
    root = tmp_path_factory.mktemp("planted")
    data, config = write_planted_data(root / "data"), planted_config(root)
    spec, requests = FeatureSpec.model_validate(config["spec"]), RequestConfig.model_validate(config["requests"])
    convert(data, root / "requests", spec, requests)
    files = sorted((root / "requests" / "Split-train").iterdir())
    vocabularies = count_vocabularies(files, spec)
    num_ids = {name: vocabulary.num_ids for name, vocabulary in vocabularies.items()}
    ranker = SequenceRanker(spec, num_ids, MixtureOfSequence(DIN(num_heads=2), num_themes=4), embedding_dim=8)
    ranker.adapt(load_requests(files, spec, vocabularies, 64))
    randomise(ranker)
    export_ranker(ranker, root / "out/serving/5", spec=spec, vocabularies=vocabularies, request_config=requests)
    return root


@pytest.fixture(scope="module")
def address(root: Path) -> Iterator[str]:
    with LocalServer(root / "out/serving", port=0) as server:
        yield server.address


def ask(root: Path, address: str, *arguments: str) -> Result:
    paths = ["--data", str(root / "data"), "--model", str(root / "out/serving")]
    return CliRunner().invoke(rank, ["--user", "user-003", *paths, "--server", address, *arguments])


def answer(root: Path, address: str, *arguments: str) -> dict:
    """What `--json` writes."""
    result = ask(root, address, *arguments, "--json", str(root / "answer.json"))
    assert result.exit_code == 0, result.exception
    return json.loads((root / "answer.json").read_text())


def test_rank_shows_the_best_of_the_promoted_items(root: Path, address: str):
    result = ask(root, address, "--top", "3")
    assert result.exit_code == 0, result.exception
    rows = [line.split() for line in result.stdout.splitlines() if " item-" in line]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert f"best 3 of {LISTED} candidates, by 40 events of history; model version 5" in result.stdout


def test_rank_writes_json_that_a_report_can_read(root: Path, address: str):
    ranked = answer(root, address)
    assert (ranked["user"], ranked["version"]) == ("user-003", 5)
    assert Rankings.model_validate(ranked).time == ranked["time"]
    assert [item["rank"] for item in ranked["products"]] == list(range(1, 11))
    scores = [item["score"] for item in ranked["products"]]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) > 5
    first = ranked["products"][0]
    number = int(first["item_id"].removeprefix("item-"))
    assert (first["name"], first["category"]) == (first["item_id"], f"type-{number // 6}")
    assert 0 <= first["theme"] <= 4


def test_rank_takes_candidates_from_a_file(root: Path, address: str, tmp_path: Path):
    (tmp_path / "items.txt").write_text("item-01\n\n  item-40\n")
    ranked = answer(root, address, "--from", str(tmp_path / "items.txt"))
    assert {item["item_id"] for item in ranked["products"]} == {"item-01", "item-40"}


def test_an_item_has_the_same_score_whatever_it_is_ranked_against(root: Path, address: str, tmp_path: Path):
    first = answer(root, address)["products"][0]
    (tmp_path / "items.txt").write_text(first["item_id"])
    alone = answer(root, address, "--from", str(tmp_path / "items.txt"))["products"][0]
    assert alone["score"] == pytest.approx(first["score"], abs=1e-5)
    assert {**alone, "score": 0} == {**first, "score": 0}


def test_rank_names_themes_by_the_file_that_a_run_leaves(root: Path, address: str, tmp_path: Path):
    content = {"routing_resolution": 4, "tokens": ["type-x"] * 4, "themes": {"4": [0, 1, 2, 3]}, "counts": [1] * 4}
    given, left = tmp_path / "themes.json", root / "out/results/themes.json"
    given.write_text(json.dumps(content))
    left.parent.mkdir()
    left.write_text(json.dumps({**content, "tokens": ["type-y"] * 4}))
    named = [answer(root, address, "--themes", str(given)), answer(root, address)]
    left.unlink()
    assert [ranked["products"][0]["theme_tokens"] for ranked in named] == [["type-x"], ["type-y"]]


def test_rank_looks_at_the_log_as_it_was(root: Path, address: str):
    events = pd.read_parquet(root / "data" / "events.parquet").query("user_id == 'user-003'")
    before = (events["timestamp"] < 63_072_000).sum()
    assert 0 < before < len(events)
    result = ask(root, address, "--at", "1972-01-01")
    assert result.exit_code == 0, result.exception
    assert f"by {before} events of history" in result.stdout


def test_a_time_that_is_none_is_wrong_usage(root: Path, address: str):
    result = ask(root, address, "--at", "soon")
    assert result.exit_code == 2 and "Invalid value for '--at'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--user", "nobody"], DataError, "a user is known by events. Received: user:"),
        (["--from", "absent.txt"], MosError, "Received: absent.txt, not readable"),
        (["--server", "127.0.0.1:1"], MosError, "no server can be reached at 127.0.0.1:1"),
        (["--name", "other"], MosError, "has no such model"),
        (["--model", "absent"], MosError, "one directory a version"),
        (["--data", "absent"], DataError, "mos data fetch"),
    ],
)
def test_errors_are_one_line(root: Path, address: str, arguments: list[str], error: type, message: str):
    raised = ask(root, address, *arguments).exception
    assert isinstance(raised, error) and message in str(raised) and "\n" not in str(raised)


def test_an_empty_and_an_unknown_list_are_told_apart(root: Path, address: str, tmp_path: Path):
    listed = tmp_path / "items.txt"
    for content, message in (("", "Received: an empty list"), ("item-01\ncoal", "1 unknown, first 'coal'")):
        listed.write_text(content)
        assert message in str(ask(root, address, "--from", str(listed)).exception)


def test_a_model_that_does_not_say_how_to_build_requests_is_refused(model_dir: Path, root: Path, address: str):
    raised = ask(root, address, "--model", str(model_dir)).exception
    assert isinstance(raised, MosError) and "export it with request_config" in str(raised)


def test_serve_says_when_it_is_ready_and_when_it_stopped(root: Path, monkeypatch: pytest.MonkeyPatch):
    stop = threading.Event()
    stop.set()
    monkeypatch.setattr(serving.local_server, "stop_event", lambda: stop)
    result = CliRunner().invoke(app, ["run", str(root / "out/serving"), "--port", "0"])
    ready, stopped = result.stdout.splitlines()
    assert ready.startswith("ready: ranker, version 5, at 127.0.0.1:") and stopped == "stopped"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it(number: signal.Signals):
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        stop = stop_event()
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.wait(1)
    finally:
        for n, handler in before.items():
            signal.signal(n, handler)


def test_serve_says_what_production_uses():
    assert "tensorflow_model_server" in CliRunner().invoke(app, ["run", "--help"]).stdout


def test_help_needs_neither_tensorflow_nor_grpc():
    code = "import serving.cli, sys; sys.exit(bool({'tensorflow', 'grpc'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_a_served_process_answers_until_it_is_told_to_stop(root: Path):
    code = "from serving.cli import app; app()"
    command = [sys.executable, "-c", code, "run", str(root / "out/serving"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        address = ready.removeprefix("ready: ranker, version 5, at ").partition(";")[0]
        answered = answer(root, address)
        process.terminate()
        assert process.stdout.read() == "stopped\n"
    assert process.returncode == 0 and len(answered["products"]) == 10
