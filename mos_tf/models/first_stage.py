"""The first of two training stages: the tower of numbers alone, in large batches."""

from collections.abc import Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from mos_tf.models.scoring import ScoringModel
from mos_tf.ragged import row_ids


class FirstStage(BaseModel):
    """How the tower of numbers is trained before the rest: what affinity explains need not be learnt from sequences.

    The numbers of training candidates do not change while it trains, so they are computed once and an epoch costs a
    small fraction of one of the whole ranker. AdamW; the weights kept are their exponential moving average.

    What it has learned is then held: the encoders learn what is left to say, as each tree of gradient boosting does.
    Trained on beside them, a tower of many numbers loses of what it knew, the more the higher their learning rate.

    Args:
        epochs: times through the candidates.
        batch_size: requests a step.
        learning_rate: of AdamW.
        ema_momentum: of the average, a step.
        max_candidates: how many candidates to hold in memory, the first ones of the dataset.
        hold: whether the steps after it leave the tower of numbers as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: PositiveInt = 12
    batch_size: PositiveInt = 256
    learning_rate: PositiveFloat = 2e-3
    ema_momentum: float = Field(0.99, ge=0, lt=1)
    max_candidates: PositiveInt = 1_000_000
    hold: bool = True


def train_first_stage(ranker: ScoringModel, batches: Iterable, settings: FirstStage) -> float:
    """Trains the tower of numbers of an adapted ranker and returns the loss of the last epoch.

    Args:
        ranker: adapted.
        batches: (features, label) of training requests.
        settings: how.
    """
    numbers, labels, splits = _collect(ranker, batches, settings.max_candidates)
    ranker.head.hold_numbers(False)
    weights = ranker.head.number_weights
    optimizer = keras.optimizers.AdamW(
        settings.learning_rate, weight_decay=1e-4, use_ema=True, ema_momentum=settings.ema_momentum
    )
    optimizer.build(weights)

    @tf.function(reduce_retracing=True)
    def step(numbers: tf.Tensor, labels: tf.Tensor, splits: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = ranker.head.number_logits(numbers, training=True)
            loss = ranker.objective(labels, logits, row_ids(splits), tf.size(splits) - 1)
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    rng = np.random.default_rng(0)
    losses = [0.0]
    for _ in range(settings.epochs):
        losses = [
            float(step(numbers[rows], labels[rows], tf.constant(part, tf.int64)))
            for rows, part in _shuffled(splits, settings.batch_size, rng)
        ]
    optimizer.finalize_variable_values(weights)
    ranker.head.hold_numbers(settings.hold)
    return float(np.mean(losses))


def _collect(ranker: ScoringModel, batches: Iterable, max_candidates: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns numbers [M, J] and labels [M] of training candidates, and the row splits of their requests."""
    compute = tf.function(lambda features: ranker.numbers(features, training=True), reduce_retracing=True)
    numbers, labels, lengths, total = [], [], [], 0
    for features, label in batches:
        numbers.append(compute(features).numpy())
        labels.append(label.flat_values.numpy())
        lengths.append(label.row_lengths().numpy())
        total += len(labels[-1])
        if total >= max_candidates:
            break
    return np.concatenate(numbers), np.concatenate(labels), np.concatenate([[0], np.cumsum(np.concatenate(lengths))])


def _shuffled(splits: np.ndarray, batch_size: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields batches of whole requests in a new order: the candidates' positions and their row splits."""
    order = rng.permutation(len(splits) - 1)
    for start in range(0, len(order), batch_size):
        requests = order[start : start + batch_size]
        rows = np.concatenate([np.arange(splits[request], splits[request + 1]) for request in requests])
        yield rows, np.concatenate([[0], np.cumsum(splits[requests + 1] - splits[requests])])
