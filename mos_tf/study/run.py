"""Runs the cells of a study in processes of their own; what is written already is not run again."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from multiprocessing.connection import Connection
from pathlib import Path

from mos_tf.errors import MosError
from mos_tf.study import worker
from mos_tf.study.cell import Cell, Result, read_result
from mos_tf.study.peer import Peer
from mos_tf.study.timing import Timing

Job = Cell | Peer | Timing
Told = Callable[[Job, Result], None]

_CELLS_PER_PROCESS = 6  # what TensorFlow keeps of models that are gone adds up


class CellError(MosError):
    """A model could not be trained or judged."""


def run_cells(
    cells: Iterable[Job], data_dir: Path, results_dir: Path, *, processes: int, told: Told | None = None
) -> list[Result]:
    """Returns the results of cells in their order, running those that have none yet.

    Every process computes with one thread and deterministic operations, so that a cell's metrics depend on nothing but
    the cell, its data, the code and the machine; `made_by` tells of both.

    Args:
        cells: to run, peers, and rows to be timed.
        data_dir: written by `prepare`.
        results_dir: gets one JSON a cell.
        processes: at a time.
        told: called with each cell as it is done, and its result.

    Raises:
        CellError: a cell raised; those that were done by then, and those that run beside it, are kept.
        KeyboardInterrupt: at once, with the processes ended; what is done is kept.
    """
    wanted = list(cells)
    missing = [cell for cell in wanted if not (results_dir / cell.file_name).is_file()]
    if missing:
        _run(missing, data_dir, results_dir, processes, told)
    return [read_result(results_dir / cell.file_name) for cell in wanted]


def best_trial(results: Sequence[Result]) -> int:
    """Returns the trial with the best GAUC of the validation requests; of equal ones the first."""
    return max(results, key=lambda result: (result["validation"]["gauc"], -result["trial"]))["trial"]


def _run(cells: list[Job], data_dir: Path, results_dir: Path, processes: int, told: Told | None) -> None:
    waiting = deque(cells)
    watched, lifeline = multiprocessing.Pipe(duplex=False)
    with watched, lifeline, ThreadPoolExecutor(processes) as threads:
        try:
            running = [
                threads.submit(_work_off, waiting, watched, data_dir, results_dir, told) for _ in range(processes)
            ]
            for done in as_completed(running):
                done.result()
        except KeyboardInterrupt:
            lifeline.close()
            raise
        finally:
            waiting.clear()  # the executor waits for its threads


def _work_off(waiting: deque[Job], watched: Connection, data_dir: Path, results_dir: Path, told: Told | None) -> None:
    """Runs waiting cells in one process at a time, a new one every few cells.

    An executor of several processes that replaces its own (`max_tasks_per_child`) hangs when they end together.
    """
    spawn = multiprocessing.get_context("spawn")
    while waiting:
        with ProcessPoolExecutor(1, spawn, _begin, (watched, data_dir)) as process:
            for _ in range(_CELLS_PER_PROCESS):
                try:
                    cell = waiting.popleft()
                except IndexError:  # another thread took the last one
                    return
                try:
                    process.submit(worker.run, cell, results_dir).result()
                except Exception as error:
                    raise CellError(
                        f"a model could not be trained. Received: {cell.run_name}: {' '.join(str(error).split())}; "
                        "what is done is kept: run the command again, with fewer processes where memory ran out"
                    ) from error
                if told:
                    told(cell, read_result(results_dir / cell.file_name))


def _begin(watched: Connection, data_dir: Path) -> None:
    """Readies a process that ends with the command, however that ends.

    Its group is its own: what it starts ends with it, and Ctrl-C reaches the command alone.
    """
    os.setpgrp()
    threading.Thread(target=_end_with, args=(watched,), daemon=True).start()
    worker.begin(data_dir)


def _end_with(watched: Connection) -> None:
    """Waits until the other end of a pipe is closed, by the command or with it, and ends this process's group."""
    watched.poll(None)
    os.killpg(0, signal.SIGKILL)  # results are written beside and renamed, so that none is left half-written
