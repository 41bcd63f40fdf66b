"""The first of two training stages: the tower of numbers alone, in large batches."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from mos_tf.models.scoring import ScoringModel
from mos_tf.ragged import row_ids

_PATIENCE = 3  # epochs


class FirstStage(BaseModel):
    """How the tower of numbers is trained before the rest: what affinity explains need not be learnt from sequences.

    The numbers of training candidates do not change while it trains, so they are computed once and an epoch costs a
    small fraction of one of the whole ranker. AdamW; the weights kept are their exponential moving average, after the
    epoch of least loss on requests held out: where numbers tell little, more epochs learn noise.

    What it has learned is then held: the encoders learn what is left to say, as each tree of gradient boosting does.
    Trained on beside them, a tower of many numbers loses of what it knew, the more the higher their learning rate.

    Args:
        epochs: times through the candidates, at most: it ends where three in a row were no better.
        held_out: share of the requests that tell the best epoch; 0 trains on all for all epochs.
        batch_size: requests a step.
        learning_rate: of AdamW.
        ema_momentum: of the average, a step.
        max_candidates: how many candidates to hold in memory, the first ones of the dataset.
        hold: whether the steps after it leave the tower of numbers as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: PositiveInt = 20
    held_out: float = Field(0.1, ge=0, lt=1)
    batch_size: PositiveInt = 256
    learning_rate: PositiveFloat = 2e-3
    ema_momentum: float = Field(0.99, ge=0, lt=1)
    max_candidates: PositiveInt = 1_000_000
    hold: bool = True


class Trained(NamedTuple):
    """What a first stage came to: the epochs that the kept weights have seen, and the loss that chose them."""

    epochs: int
    loss: float


def train_first_stage(ranker: ScoringModel, batches: Iterable, settings: FirstStage) -> Trained:
    """Trains the tower of numbers of an adapted ranker.

    Args:
        ranker: adapted.
        batches: (features, label) of training requests.
        settings: how.

    Returns:
        epochs and loss of what is kept, the loss that of the requests held out; that of the last epoch where there
        are none.

    Raises:
        ValueError: no epoch ends with a finite loss; the tower is then as it was.
    """
    numbers, labels, splits = _collect(ranker, batches, settings.max_candidates)
    head = ranker.head
    head.hold_numbers(False)
    weights = head.number_weights
    optimizer = keras.optimizers.AdamW(
        settings.learning_rate, weight_decay=1e-4, use_ema=True, ema_momentum=settings.ema_momentum
    )
    optimizer.build(weights)

    def loss_of(numbers: tf.Tensor, labels: tf.Tensor, splits: tf.Tensor, training: bool = False) -> tf.Tensor:
        logits = head.number_logits(numbers, training=training)
        return ranker.objective(labels, logits, row_ids(splits), tf.size(splits) - 1)

    @tf.function(reduce_retracing=True)
    def step(numbers: tf.Tensor, labels: tf.Tensor, splits: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(numbers, labels, splits, training=True)
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    judge = tf.function(loss_of, reduce_retracing=True)

    def mean(of: Callable, requests: np.ndarray) -> float:
        parts = _batches(splits, requests, settings.batch_size)
        return float(np.mean([of(numbers[rows], labels[rows], tf.constant(part, tf.int64)) for rows, part in parts]))

    rng = np.random.default_rng(0)
    held_out, trained_on = np.split(rng.permutation(len(splits) - 1), [int(settings.held_out * (len(splits) - 1))])
    best, kept = Trained(0, np.inf), [weight.numpy() for weight in weights]
    for epoch in range(1, settings.epochs + 1):
        loss = mean(step, rng.permutation(trained_on))
        latest = [weight.numpy() for weight in weights]
        optimizer.finalize_variable_values(weights)  # their average
        if len(held_out):
            loss = mean(judge, held_out)
        if loss < best.loss or (not len(held_out) and np.isfinite(loss)):
            best, kept = Trained(epoch, loss), [weight.numpy() for weight in weights]
        if epoch - best.epochs == _PATIENCE:
            break
        _assign(weights, latest)
    _assign(weights, kept)
    head.hold_numbers(settings.hold)
    if not best.epochs:
        raise ValueError(
            f"the loss of the first stage must be finite. Received: {loss} in each epoch; look for numbers that are "
            "not finite among the features, or lower its learning_rate"
        )
    return best


def _assign(weights: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    for weight, value in zip(weights, values, strict=True):
        weight.assign(value)


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


def _batches(splits: np.ndarray, requests: np.ndarray, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields batches of these requests in their order: the candidates' positions and their row splits."""
    for start in range(0, len(requests), batch_size):
        batch = requests[start : start + batch_size]
        rows = np.concatenate([np.arange(splits[request], splits[request + 1]) for request in batch])
        yield rows, np.concatenate([[0], np.cumsum(splits[batch + 1] - splits[batch])])
