"""A model of FuxiCTR as a peer: a process trains it, and its scores come back."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from mos_tf.errors import MosError
from mos_tf.study.data import StudyData
from mos_tf.study.fuxictr.job import Job
from mos_tf.study.peer import Scored
from mos_tf.study.training import TRANSACT_EVENTS


def fuxictr(model: str, data: StudyData, seed: int, trial: int) -> Scored:
    """Returns the scores of one of FuxiCTR's models and the time of its steps.

    It sees what the plain encoder of that name sees: ids of events and candidates, and numeric features of candidates.

    Args:
        model: one of `MODELS`.
        data: of the study.
        seed: of weights and of the order of the requests.
        trial: which learning rate.

    Raises:
        MosError: FuxiCTR is not installed, or its process ended with an error.
    """
    with tempfile.TemporaryDirectory() as directory:
        job = Job(
            model=model,
            data=data.directory.resolve(),
            num_ids={name: data.num_ids[name] for name in data.spec.item_categoricals},
            numbers=[f.name for f in data.spec.features if f.of == "candidate" and f.kind == "numeric"],
            budget=data.config.budget,
            max_events=TRANSACT_EVENTS if model == "TransAct" else None,
            seed=seed,
            trial=trial,
            out=Path(directory) / "scores.npz",
        )
        ended = subprocess.run(
            [sys.executable, "-m", "mos_tf.study.fuxictr.training"],
            input=job.model_dump_json(), text=True, capture_output=True, check=False,
        )  # fmt: skip
        if ended.returncode:
            last = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
            raise MosError(
                f"FuxiCTR trains its models in a process of its own. Received: {last[0]}; where it is missing, "
                'pip install "mos-tf[fuxictr]"'
            )
        with np.load(job.out, allow_pickle=False) as scores:
            step_ms = 1e3 * float(np.median(scores["step_seconds"]))
            return Scored(scores["validation"], scores["test"], {"step_ms": round(step_ms, 2)})
