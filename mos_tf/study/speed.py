"""Times training steps and answers of all rows around an encoder in turns, so that what disturbs one disturbs all."""

import collections
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from mos_tf.study.cell import core_seconds, write_result
from mos_tf.study.data import StudyData
from mos_tf.study.provenance import made_by
from mos_tf.study.timing import Timing
from mos_tf.study.training import ENCODERS, Score, begun, score_of
from mos_tf.study.variants import ROWS

_WARM_UP = 3  # rounds that are not counted
_STEPS = 15
_ANSWERS = 40


def run_timing(timing: Timing, data: StudyData, directory: Path) -> None:
    """Times every row and writes one JSON, beside first and then renamed.

    The result has, by row, the milliseconds of each step of a batch of the budget's size and of each answer to a single
    request; the candidates of a step; seconds of a core, and what made it. Weights are those that a training starts
    from: what they are does not change what is computed.
    """
    started = core_seconds()
    keras.backend.clear_session()
    budget = data.config.budget
    train = data.train.batches(budget.batch_size, shuffled_by=0).repeat()
    rankers = {row: begun(ROWS[row], ENCODERS[timing.encoder], data, seed=0) for row in timing.rows}
    for ranker in rankers.values():
        ranker.compile(keras.optimizers.AdamW(budget.learning_rates[0]))
        ranker.fit(train, steps_per_epoch=1, verbose=0)
    steps = _in_turns({row: ranker.train_function for row, ranker in rankers.items()}, train, _STEPS)
    scores = {row: partial(_answer, score_of(ranker, data.test)) for row, ranker in rankers.items()}
    answers = _in_turns(scores, data.test.batches(1).repeat(), _ANSWERS)
    result = {
        "encoder": timing.encoder,
        "rows": {row: {"step_ms": steps[row], "answer_ms": answers[row]} for row in timing.rows},
        "candidates_a_step": round(budget.batch_size * len(data.train.labels) / len(data.train), 1),
        "seconds": round(core_seconds() - started, 1),
        "made_by": made_by(),
    }
    write_result(result, directory / timing.file_name)


def _answer(score: Score, requests: Iterator) -> None:
    features, _ = next(requests)
    score(features).numpy()


def _in_turns(
    calls: Mapping[str, Callable[[Iterator], Any]], batches: tf.data.Dataset, rounds: int
) -> dict[str, list[float]]:
    """Returns the milliseconds of every call in every round; in a round all take the same batch.

    They are the processor's, which with one thread are the wall's where nothing runs beside: a core that is shared
    halves the speed of one step and not of the next, so that medians of wall time would be of chance. Batches are made
    before the first round, since the first row of each would pay for them.
    """
    taken: dict[str, list[float]] = {row: [] for row in calls}
    made = batches.take(_WARM_UP + rounds).cache()
    collections.deque(made, maxlen=0)
    sources = {row: iter(made) for row in calls}
    for number in range(_WARM_UP + rounds):
        for row, call in calls.items():
            started = time.process_time()
            call(sources[row])
            if number >= _WARM_UP:
                taken[row].append(round(1e3 * (time.process_time() - started), 3))
    return taken
