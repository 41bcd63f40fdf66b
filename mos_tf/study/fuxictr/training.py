"""Trains a model of FuxiCTR on a budget. Run as a module, it reads a `Job` from its standard input."""

import copy
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from fuxictr.features import FeatureMap
from fuxictr.metrics import evaluate_metrics
from model_zoo import LongCTR

from mos_tf.features import USER_ID
from mos_tf.study.fuxictr.job import MODELS, Job
from mos_tf.study.fuxictr.padded_examples import PADDING, SPLITS, Arrays, PaddedExamples, padded_examples

_SCORED = 64  # requests a batch: every candidate carries a padded history
_CLIP = 10.0  # norm of gradients, FuxiCTR's default
_LABEL = "label"


def train(job: Job) -> None:
    """Trains the model and writes its scores of the validation and test candidates and the seconds of its steps.

    Steps, batches, a learning rate that falls along a cosine and the choice of the best state by validations (FuxiCTR's
    own gAUC) are those of the study; loss and optimizer are FuxiCTR's. Features side by side are as wide as an event of
    ours, whose features are summed.
    """
    torch.set_num_threads(1)  # as every other model of a study
    torch.manual_seed(job.seed)
    budget = job.budget
    training, validation, test = (_read(job, split) for split in ("train", "eval", "test"))
    model = _model(job)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(model.optimizer, budget.steps)
    batches = _shuffled(_num_requests(training), budget.batch_size, job.seed)
    parts = min(budget.validations, budget.steps)
    best, state, seconds = -np.inf, model.state_dict(), []
    for _ in range(parts):
        model.train()
        for _ in range(budget.steps // parts):
            inputs = _inputs(_examples(job, training, next(batches)))
            started = time.perf_counter()
            _step(model, inputs)
            schedule.step()
            seconds.append(time.perf_counter() - started)
        gauc = _gauc(validation, _scores(job, model, validation))
        if gauc > best:
            best, state = gauc, copy.deepcopy(model.state_dict())
    model.load_state_dict(state)
    scores = {"validation": _scores(job, model, validation), "test": _scores(job, model, test)}
    np.savez(job.out, step_seconds=np.array(seconds), **scores)  # type: ignore[arg-type]


def _model(job: Job) -> Any:
    width = max(job.budget.embedding_dim // len(job.num_ids), 1)
    described = FeatureMap("study", "")
    described.labels = [_LABEL]
    described.default_emb_dim = width
    described.features = OrderedDict({name: {"type": "numeric", "source": ""} for name in job.numbers})
    for name, ids in job.num_ids.items():
        described.features[name] = {
            "type": "categorical", "source": "item", "vocab_size": ids + 1, "padding_idx": PADDING
        }  # fmt: skip
    return getattr(LongCTR, job.model)(
        described, optimizer="adam", loss="binary_crossentropy", embedding_dim=width,
        learning_rate=job.budget.learning_rates[job.trial], attention_dim=job.budget.embedding_dim,
        metrics=["AUC"], model_root="", verbose=0, **MODELS[job.model],
    )  # fmt: skip


def _step(model: Any, inputs: tuple) -> None:
    model.optimizer.zero_grad()
    model.compute_loss(model(inputs), model.get_labels(inputs)).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
    model.optimizer.step()


def _scores(job: Job, model: Any, columns: Arrays) -> np.ndarray:
    model.eval()
    everything = np.arange(_num_requests(columns))
    with torch.no_grad():
        parts = [
            model(_inputs(_examples(job, columns, everything[start : start + _SCORED])))["y_pred"].numpy()[:, 0]
            for start in range(0, len(everything), _SCORED)
        ]
    return np.concatenate(parts)


def _gauc(columns: Arrays, scores: np.ndarray) -> float:
    if not np.isfinite(scores).all():  # the training has diverged: it orders nothing
        return 0.5
    users = np.repeat(columns[USER_ID], np.diff(columns[_LABEL + SPLITS]))
    return evaluate_metrics(columns[_LABEL], scores, ["gAUC"], users)["gAUC"]


def _examples(job: Job, columns: Arrays, requests: np.ndarray) -> PaddedExamples:
    return padded_examples(columns, requests, list(job.num_ids), job.numbers, job.max_events)


def _inputs(examples: PaddedExamples) -> tuple:
    """Returns (of the sample, of its events and candidate, mask), as LongCTR's data loader gives them."""
    of_sample = {**examples.numbers, _LABEL: examples.labels}
    return (
        {name: torch.from_numpy(values) for name, values in of_sample.items()},
        {name: torch.from_numpy(ids.reshape(-1)) for name, ids in examples.ids.items()},
        torch.from_numpy(examples.mask),
    )


def _shuffled(num_requests: int, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """Yields batches of requests for ever, in a new order each time through."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(num_requests)
        yield from (order[start : start + batch_size] for start in range(0, num_requests, batch_size))


def _num_requests(columns: Arrays) -> int:
    return len(columns[USER_ID])


def _read(job: Job, split: str) -> Arrays:
    with np.load(job.data / f"{split}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


if __name__ == "__main__":
    train(Job.model_validate_json(sys.stdin.read()))
