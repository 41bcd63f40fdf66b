"""The README's commands and code, run as they stand there, on the real data with few households and steps."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml

from mos_tf.datasets.config import load_config
from mos_tf.datasets.convert import convert
from tests.support.stored_requests import read_requests

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIG = "tfx_pipeline/configs/complete_journey.yaml"
MOS = str(Path(sys.executable).with_name("mos"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands(program: str) -> list[list[str]]:
    """Every command line of the README that runs `program`, without its comment."""
    lines = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line and line[0] == program]


def mos(folder: Path, command: list[str]) -> None:
    done = subprocess.run([MOS, *command[1:]], cwd=folder, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@contextmanager
def served(folder: Path, command: list[str]) -> Iterator[None]:
    with subprocess.Popen([MOS, *command[1:]], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline().startswith("ready:")
            yield
        finally:
            process.terminate()


def test_every_make_target_exists():
    targets = {command[1] for command in commands("make")}
    assert {"demo", "test"} <= targets
    makefile = (ROOT / "Makefile").read_text()
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, flags=re.MULTILINE)] == []


def test_every_link_leads_to_a_file():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links and [link for link in links if not (ROOT / link).is_file()] == []


def test_the_new_encoder_of_the_readme_fits_into_a_mixture():
    _, encoder, _ = blocks("python")
    made: dict = {}
    exec(encoder, made)
    history = tf.RaggedTensor.from_row_lengths(tf.random.normal([5, 8]), [5, 0])
    candidates = tf.RaggedTensor.from_row_lengths(tf.random.normal([3, 8]), [1, 2])
    assert made["mixture"](history, candidates).shape.as_list() == [2, None, 8]
    mean = made["MeanPooling"]()(history, tf.zeros([2, 8]))
    np.testing.assert_allclose(mean, [np.mean(history.values, axis=0), np.zeros(8)], atol=1e-6)


@pytest.mark.slow
def test_every_command_and_all_code_run_in_the_order_of_the_readme(tmp_path, monkeypatch):
    small = yaml.safe_load((ROOT / CONFIG).read_text())
    small["requests"] |= {"max_users": 60, "max_history": 100}
    small["training"] |= {"steps": 20, "validations": 2}
    small["gates"] = {"min_auc": 0.5, "min_gauc": 0.5}
    (tmp_path / CONFIG).parent.mkdir(parents=True)
    (tmp_path / CONFIG).write_text(yaml.safe_dump(small))

    alone = [command for command in commands("mos") if command[1] not in ("serve", "rank")]
    for command in alone[:-1]:
        mos(tmp_path, command)
    [serve] = [command for command in commands("mos") if command[1] == "serve"]
    [rank] = [command for command in commands("mos") if command[1] == "rank"]
    spec, requests, _ = load_config(tmp_path / CONFIG)
    convert(tmp_path / "build/demo/data", tmp_path / "requests", spec, requests)
    train_files = sorted((tmp_path / "requests" / "Split-train").iterdir())
    notebook, _, client = blocks("python")
    monkeypatch.chdir(tmp_path)
    with served(tmp_path, serve):
        mos(tmp_path, rank)
        answer: dict = {"spec": spec, "request": read_requests(train_files, spec)[0]}
        exec(client, answer)
        assert len(answer["scores"]) == answer["request"].num_candidates
    mos(tmp_path, alone[-1])
    assert (tmp_path / "build/demo/report.html").stat().st_size > 100_000
    exec(notebook, {"train_files": train_files})
    assert (tmp_path / "ranker.keras").stat().st_size > 100_000
