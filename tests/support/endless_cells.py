"""Runs six cells that do not end, two at a time, to be interrupted. Each leaves a file named by its processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from mos_tf.study import run, worker
from mos_tf.study.cell import Cell

_SECONDS = 180  # longer than a test waits


def begin(data_dir: Path) -> None:
    """Readies nothing."""


def train(job: run.Job, results_dir: Path) -> None:
    """Waits, and has a process of its own do so, too, as a peer has that is trained in one."""
    own = subprocess.Popen(["sleep", str(_SECONDS)])
    (results_dir / f"{os.getpid()}-{own.pid}").touch()
    time.sleep(_SECONDS)
    os._exit(1)  # where a test fails, nothing is left behind


if __name__ in ("__main__", "__mp_main__"):  # as a command and in its workers, which import what was started
    worker.begin, worker.run = begin, train

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what the tests themselves are run in may ignore it
    cells = [Cell(encoder="DIN", variant="plain", seed=seed) for seed in range(6)]
    run.run_cells(cells, Path(), Path(sys.argv[1]), processes=2)
