import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from statistics import median

import pytest

from mos_tf.errors import MosError
from mos_tf.study import run
from mos_tf.study.cell import Cell, write_result
from mos_tf.study.peer import Peer
from mos_tf.study.plan import Plan
from mos_tf.study.quality import run_study
from mos_tf.study.run import best_trial, run_cells

ROOT = Path(__file__).resolve().parents[3]
CELL = Cell(encoder="DIN", variant="plain + affinity", seed=0)


def tried(trial, gauc):
    return {"trial": trial, "validation": {"gauc": gauc}, "test": {"gauc": 1 - gauc}}


def test_the_trial_that_is_best_on_validation_is_kept_whatever_the_test_says():
    assert best_trial([tried(0, 0.6), tried(1, 0.7), tried(2, 0.65)]) == 1
    assert best_trial([tried(1, 0.7), tried(0, 0.7)]) == 0


def test_what_has_a_result_is_not_run_again(study_data, tmp_path):
    write_result({"test": {"auc": 0.5}}, tmp_path / CELL.file_name)
    assert run_cells([CELL], study_data.directory, tmp_path, processes=1) == [{"test": {"auc": 0.5}}]
    assert [path.name for path in tmp_path.iterdir()] == [CELL.file_name]


def test_each_row_keeps_the_trial_that_served_its_own_first_seed_best(study_data, tmp_path, monkeypatch):
    best = {"plain + affinity": 1, "MoS + affinity": 0}

    def as_if_run(jobs, *_, **__):
        gauc = {job: 0.6 + 0.1 * (job.trial == best[job.variant]) for job in jobs if isinstance(job, Cell)}
        of_cells = [{**job.model_dump(), **tried(job.trial, gauc[job]), "price": {}, "seconds": 1} for job in gauc]
        return of_cells or [{"encoder": "DIN", "rows": {}, "candidates_a_step": 80, "seconds": 1}]

    monkeypatch.setattr("mos_tf.study.quality.run_cells", as_if_run)
    plan = Plan(("DIN",), {"plain + affinity": 2, "MoS + affinity": 2}, {}, trials=2)
    ran = run_study(study_data.config, plan, tmp_path, 1, study_data.directory.parent / "sources")
    kept = [(result["variant"], result["seed"], result["trial"]) for result in ran.results]
    assert kept == [(row, seed, best[row]) for row in best for seed in (0, 1)]
    assert ran.seconds == 4 + 2 + 1  # two trials of two rows, two further seeds, one timing


def test_every_run_has_a_file_of_its_own():
    jobs = [CELL, CELL.model_copy(update={"seed": 1}), CELL.model_copy(update={"trial": 1}), Peer(name="DIN", seed=0)]
    assert len({job.file_name for job in jobs}) == len(jobs)


@pytest.mark.slow
def test_a_cell_that_fails_is_named_and_the_others_are_kept(study_data, tmp_path):
    unknown = CELL.model_copy(update={"variant": "unheard of"})
    with pytest.raises(MosError, match="^a model .* Received: DIN: unheard of, seed 0: .*; what is done is kept: .*$"):
        run_cells([CELL, unknown], study_data.directory, tmp_path, processes=1)
    assert [path.name for path in tmp_path.glob("*")] == [CELL.file_name]


def test_after_a_cell_that_failed_no_other_begins_and_one_that_runs_is_kept(tmp_path, monkeypatch):
    beside = threading.Event()

    def train(cell, results_dir):
        if cell.seed == 0 and beside.wait(60):
            raise MemoryError("too large")
        beside.set()
        time.sleep(1)
        write_result({}, results_dir / cell.file_name)

    monkeypatch.setattr(run, "ProcessPoolExecutor", lambda processes, *_: ThreadPoolExecutor(processes))
    monkeypatch.setattr(run.worker, "run", train)
    cells = [CELL.model_copy(update={"seed": seed}) for seed in range(5)]
    with pytest.raises(MosError, match="seed 0: too large"):
        run_cells(cells, tmp_path, tmp_path, processes=2)
    assert [path.name for path in tmp_path.iterdir()] == [cells[1].file_name]


def within_a_minute(holds: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + 60
    while not (held := holds()) and time.monotonic() < give_up:
        time.sleep(0.05)
    return held


def runs(process: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_a_command_ends_its_cells_end_with_it_and_no_other_begins(tmp_path, how):
    program = [sys.executable, "-m", "tests.support.endless_cells", str(tmp_path)]
    command = subprocess.Popen(program, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        assert within_a_minute(lambda: len(list(tmp_path.iterdir())) == 2)
        command.send_signal(how)
        assert command.wait(timeout=60) == -how
        processes = [int(process) for path in tmp_path.iterdir() for process in path.name.split("-")]
        assert within_a_minute(lambda: not any(map(runs, processes)))
        assert len(processes) == 4  # two cells, each of a process that has another
    finally:
        command.kill()


@pytest.mark.slow
def test_processes_that_end_together_are_replaced_until_every_cell_is_run(study_data, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "_CELLS_PER_PROCESS", 1)
    peers = [Peer(name="popularity", seed=seed) for seed in range(4)]
    told = []
    results = run_cells(peers, study_data.directory, tmp_path, processes=2, told=lambda job, _: told.append(job.seed))
    assert [result["seed"] for result in results] == [0, 1, 2, 3] == sorted(told)


@pytest.mark.slow
def test_a_study_gives_one_result_a_row_and_seed_and_the_same_metrics_again(study_data, tmp_path):
    sources = study_data.directory.parent / "sources"
    rows = {"plain + affinity": 2, "MoS + affinity": 2, "MoS + affinity, hierarchy": 2}  # the last needs columns
    plan = Plan(("DIN",), rows, {"popularity": 1}, trials=1)
    config = plan.limited(study_data.config)
    results, timings, seconds = run_study(config, plan, tmp_path / "one", 2, sources)
    assert seconds == pytest.approx(sum(result["seconds"] for result in [*results, *timings]))  # one trial each
    expected = [("popularity", 0), *((row, seed) for row in ("plain + affinity", "MoS + affinity") for seed in (0, 1))]
    assert [(result["variant"], result["seed"]) for result in results] == expected
    ours = results[-1]
    assert ours["resampled"]["auc"][0] == ours["test"]["auc"]
    assert ours["price"]["multiply_adds"] > results[1]["price"]["multiply_adds"] > 0
    cells = tmp_path / "one" / config.fingerprint / "cells"
    assert len(list(cells.glob("*.json"))) == 6
    (timing,) = timings
    assert list(timing["rows"]) == ["plain + affinity", "MoS + affinity"]
    assert len(timing["rows"]["MoS + affinity"]["step_ms"]) == 15
    assert ours["price"]["step_ms"] == median(timing["rows"]["MoS + affinity"]["step_ms"])
    candidates = 16 * 5  # requests of five
    assert ours["price"]["examples_a_second"] == pytest.approx(1e3 * candidates / ours["price"]["step_ms"], abs=1)
    again = run_cells(
        [Cell(encoder="DIN", variant="MoS + affinity", seed=1)], cells.parent / "data", tmp_path / "two", processes=1
    )
    assert again[0]["resampled"] == ours["resampled"]
    assert again[0]["validation"] == ours["validation"]


def test_a_result_is_whole_or_not_there(tmp_path):
    path = tmp_path / "cells" / "cell.json"
    write_result({"a": 1}, path)
    assert json.loads(Path(path).read_text()) == {"a": 1}
    with pytest.raises(TypeError):
        write_result({"a": object()}, tmp_path / "cells" / "other.json")
    assert [found.name for found in path.parent.iterdir()] == ["cell.json"]
