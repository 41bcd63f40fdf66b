"""`Job`: what one process is to train, and where its scores go."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from mos_tf.study.config import Budget

# What theirs are given beside their defaults, so that both sides have one size.
MODELS: dict[str, dict[str, int]] = {"DIN": {}, "SDIM": {}, "TWIN": {}, "TransAct": {"dim_feedforward": 32}}


class Job(BaseModel):
    """One of FuxiCTR's models on the requests of a study.

    Args:
        model: one of `MODELS`.
        data: directory with `train.npz`, `eval.npz` and `test.npz`, as `Requests.save` writes them.
        num_ids: of each categorical item feature.
        numbers: numeric features of candidates.
        budget: of the study.
        max_events: the latest events that a history keeps; None: all.
        seed: of weights and of the order of requests.
        trial: which of the budget's learning rates.
        out: gets the scores (`.npz`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    data: Path
    num_ids: dict[str, int]
    numbers: list[str]
    budget: Budget
    max_events: int | None
    seed: int
    trial: int
    out: Path
