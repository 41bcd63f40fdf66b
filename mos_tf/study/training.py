"""Trains and judges the model of one cell."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from mos_tf import SequenceRanker
from mos_tf.encoders import DIN, HSTU, SDIM, TWIN, Mamba4Rec, SequenceEncoder, TransAct
from mos_tf.models.adaptation import take_over
from mos_tf.models.fitting import fit_best
from mos_tf.study.cell import Cell, core_seconds, write_result
from mos_tf.study.data import StudyData
from mos_tf.study.measures import Judge
from mos_tf.study.price import price
from mos_tf.study.provenance import made_by
from mos_tf.study.requests import Requests
from mos_tf.study.start import start_of
from mos_tf.study.variants import ROWS, Variant

TRANSACT_EVENTS = 25  # it encodes a history anew for every candidate, in time quadratic in the events
ENCODERS: dict[str, Callable[[], SequenceEncoder]] = {
    "DIN": DIN,
    "SDIM": SDIM,
    "TWIN": TWIN,
    # One layer and the latest output, as FuxiCTR's: ten outputs learn nothing in 300 steps.
    "TransAct": partial(TransAct, max_events=TRANSACT_EVENTS, num_layers=1, num_recent=1),
    "Mamba4Rec": Mamba4Rec,
    "HSTU": HSTU,
}
_SCORED = 256  # requests a batch

Score = Callable[[dict], tf.Tensor]  # features of a batch → probabilities of the flat candidates


def run_cell(cell: Cell, data: StudyData, directory: Path) -> None:
    """Trains and judges one model and writes the cell's JSON, beside first and then renamed.

    The result has the fields of the cell, the learning rate, after which validation the state was that was `kept` (0:
    before the first step), metrics of the validation and test requests, the test's on resampled users, the price,
    seconds of a core, and what made it.
    """
    started = core_seconds()
    keras.backend.clear_session()
    ranker, kept = train(ROWS[cell.variant], ENCODERS[cell.encoder], data, cell.seed, cell.trial)
    validation, test = scores_of(score_of(ranker, data.test), data.validation, data.test)
    result = {
        **cell.model_dump(),
        "learning_rate": data.config.budget.learning_rates[cell.trial],
        "kept": kept,
        "validation": Judge(data.validation).metrics(validation),
        "test": Judge(data.test).metrics(test),
        "resampled": Judge(data.test).resampled(test),
        "price": price(ranker, data.test),
        "seconds": round(core_seconds() - started, 1),
        "made_by": made_by(),
    }
    write_result(result, directory / cell.file_name)


def begun(variant: Variant, encoder: Callable[[], SequenceEncoder], data: StudyData, seed: int) -> SequenceRanker:
    """Returns a new ranker that knows what a training starts from."""
    start = start_of(variant, data, seed)
    keras.utils.set_random_seed(seed)  # whether the start was there already makes no difference
    ranker = variant.make(data, encoder, seed)
    take_over(ranker, start)
    ranker.head.hold_numbers()  # as a ranker with a first stage of its own does
    return ranker


def train(
    variant: Variant, encoder: Callable[[], SequenceEncoder], data: StudyData, seed: int, trial: int
) -> tuple[SequenceRanker, int]:
    """Trains a new ranker on the budget of the study; returns it, and the validation whose state it is in, or 0."""
    budget = data.config.budget
    ranker = begun(variant, encoder, data, seed)
    fitted = fit_best(
        ranker,
        data.train.batches(budget.batch_size, shuffled_by=seed).repeat(),
        data.validation.batches(_SCORED),
        steps=budget.steps,
        validations=budget.validations,
        learning_rate=budget.learning_rates[trial],
    )
    return ranker, fitted.kept


def score_of(ranker: SequenceRanker, requests: Requests) -> Score:
    """Returns a function of a batch of such requests that gives the probabilities of their flat candidates, [M].

    It is traced once for batches of all sizes, which takes seconds each time.
    """
    features, _ = requests.batches(1).element_spec
    return tf.function(lambda features: ranker(features).flat_values, input_signature=[features])


def scores_of(score: Score, *splits: Requests) -> list[np.ndarray]:
    """Returns the probabilities of all candidates of each split, float32 [M]."""
    return [
        np.concatenate([score(features).numpy() for features, _ in requests.batches(_SCORED)]) for requests in splits
    ]
