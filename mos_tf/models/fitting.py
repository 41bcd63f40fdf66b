"""`fit_best`: a fixed number of steps, the best state of several validations, that before the first step among them."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from mos_tf.models.ranker import SequenceRanker


class Fitted(NamedTuple):
    """How a training went.

    Attributes:
        history: metrics of each part, those of the validation requests with `val_` before their name.
        kept: after which part the ranker stood as it was left, from 1; 0: before the first step.
    """

    history: dict[str, list[float]]
    kept: int


def fit_best(
    ranker: SequenceRanker,
    train: tf.data.Dataset,
    validation: tf.data.Dataset,
    *,
    steps: int,
    validations: int,
    learning_rate: float,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Fitted:
    """Trains a ranker and leaves it in the state that ranked the validation requests best, by GAUC.

    The state before the first step is one of them: what the first stage has learned is not lost where sequences have
    nothing to add.

    The optimizer is AdamW; its learning rate falls to zero along a cosine, so that the number of steps is a budget that
    is used up whatever its size.

    Args:
        ranker: prepared by what `steps` batches hold, where it is not yet: adapted, its first stage trained.
        train: batches of (features, label) for ever.
        validation: batches of (features, label), once.
        steps: gradient steps, one batch each.
        validations: equal parts of the training, each followed by a look at `validation`.
        learning_rate: at the start.
        callbacks: further callbacks; a part is an epoch to them.
    """
    parts = min(validations, steps)
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    ranker.compile(keras.optimizers.AdamW(schedule, weight_decay=1e-4))
    best = keras.callbacks.EarlyStopping("val_gauc", mode="max", patience=parts, restore_best_weights=True)
    ranker.prepare(train, steps)  # `fit` would do it from one part
    gauc_before = ranker.evaluate(validation, return_dict=True, verbose=0)["gauc"]
    before = ranker.get_weights()
    history = ranker.fit(
        train,
        validation_data=validation,
        steps_per_epoch=steps // parts,
        epochs=parts,
        callbacks=[best, *callbacks],
        verbose=0,
    )
    if best.best <= gauc_before:
        ranker.set_weights(before)
        return Fitted(history.history, kept=0)
    return Fitted(history.history, kept=best.best_epoch + 1)
