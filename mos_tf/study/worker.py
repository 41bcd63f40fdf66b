"""A process that trains the models of cells, one after the other. Imports TensorFlow only once it has begun."""

import contextlib
import io
from pathlib import Path
from typing import Any

from mos_tf.quiet import quiet_imports
from mos_tf.study.cell import Cell
from mos_tf.study.peer import Peer
from mos_tf.study.timing import Timing

_STATE: dict[str, Any] = {}


def begin(data_dir: Path) -> None:
    """Readies the process: one thread, deterministic operations, the study's data."""
    with quiet_imports():
        import tensorflow as tf

        from mos_tf.study.data import StudyData
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    tf.get_logger().setLevel("ERROR")  # every model has functions of its own to trace, and it warns of each
    _STATE["data"] = StudyData(data_dir)


def run(job: Cell | Peer | Timing, results_dir: Path) -> None:
    """Trains and judges the model of a cell, or a peer, or times rows."""
    from mos_tf.study.peers import run_peer
    from mos_tf.study.speed import run_timing
    from mos_tf.study.training import run_cell

    with contextlib.redirect_stdout(io.StringIO()):  # what adapting says of itself a hundred times
        match job:
            case Cell():
                run_cell(job, _STATE["data"], results_dir)
            case Peer():
                run_peer(job, _STATE["data"], results_dir)
            case Timing():
                run_timing(job, _STATE["data"], results_dir)
