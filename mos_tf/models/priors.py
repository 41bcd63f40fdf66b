"""`LabelPriors`: how often an id was answered with a positive label in training, without a user's own labels."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf


@keras.saving.register_keras_serializable("mos_tf")
class LabelPriors(keras.layers.Layer):
    """Gives each candidate the smoothed positive log-odds and the log count of its ids (item, category, …).

        prior = log (p_l + s π) / (n_l − p_l + s (1 − π)),   log(1 + n_l)        π = (p + 1) / (n + 2)

    n_l counts the training candidates with the candidate's id at level l, p_l the positive ones, n and p all. In
    training they are taken *out of fold*: users fall into F folds, and what a user's own fold contributed is left out
    (the rest scaled by F / (F − 1)), or the model would read a candidate's label in its prior. Scoring uses all folds.

    Args:
        num_ids: number of ids of each level, in the order of the output.
        num_folds: F, at least 2.
        smoothing: s, in candidates.

    Call arguments:
        ids: dict of int [M], the ids of candidates at each level.
        users: int64 [M], the (hashed) user of each candidate.
        training: whether to leave the user's own fold out.

    Returns:
        float32 [M, 2 · levels].

    Raises:
        ValueError: fewer than two folds.

    Example:

    >>> priors = LabelPriors({"item": 2}, smoothing=2.0)
    >>> priors.count({"item": np.array([0, 0, 1, 1])}, np.array([7, 8, 7, 8]), np.array([1, 1, 0, 0]))
    >>> told = priors({"item": tf.constant([0])}, tf.constant([7], tf.int64))
    >>> [round(float(x), 3) for x in told[0]]  # log (2 + 1) / (0 + 1) and log(1 + 2)
    [1.099, 1.099]
    """

    def __init__(self, num_ids: Mapping[str, int], num_folds: int = 5, smoothing: float = 20.0, **kwargs: Any):
        super().__init__(dtype=kwargs.pop("dtype", "float32"), autocast=False, **kwargs)
        if num_folds < 2:
            raise ValueError(f"priors out of fold need two folds or more. Received: num_folds={num_folds}")
        self.num_ids = dict(num_ids)
        self.num_folds = num_folds
        self.smoothing = smoothing
        self.output_dim = 2 * len(self.num_ids)
        # Candidates and positives of each fold and id.
        self.tables = {
            name: self.add_weight(
                shape=(num_folds, ids, 2), initializer="zeros", name=name, trainable=False, autocast=False
            )
            for name, ids in self.num_ids.items()
        }
        self.built = True

    def forget(self) -> None:
        """Sets all counts to 0."""
        for table in self.tables.values():
            table.assign(keras.ops.zeros_like(table))

    def count(self, ids: Mapping[str, np.ndarray], users: np.ndarray, labels: np.ndarray) -> None:
        """Adds labelled training candidates: ids [M] of each level, users int64 [M] and labels [M]."""
        folds = np.asarray(users) % self.num_folds
        amounts = np.stack([np.ones(len(labels)), np.asarray(labels)], axis=1)
        for name, table in self.tables.items():
            counted = np.array(keras.ops.convert_to_numpy(table))
            np.add.at(counted, (folds, np.asarray(ids[name])), amounts)
            table.assign(counted)

    def call(self, ids: Mapping[str, tf.Tensor], users: tf.Tensor, training: bool = False) -> tf.Tensor:
        folds = tf.math.floormod(users, self.num_folds)
        told = []
        for name, table in self.tables.items():
            counts = tf.gather(tf.reduce_sum(table.value, axis=0), ids[name])
            total = tf.broadcast_to(tf.reduce_sum(table.value, axis=[0, 1]), tf.shape(counts))
            if training:
                scale = self.num_folds / (self.num_folds - 1)
                own = tf.gather_nd(table.value, tf.stack([folds, tf.cast(ids[name], tf.int64)], axis=1))
                counts = scale * (counts - own)
                total = scale * (total - tf.gather(tf.reduce_sum(table.value, axis=1), folds))
            candidates, positives = tf.unstack(counts, axis=1)
            # Without any label the odds are even, and one label of each kind keeps them finite where all agree.
            rate = (total[:, 1] + 1.0) / (total[:, 0] + 2.0)
            odds = (positives + self.smoothing * rate) / (candidates - positives + self.smoothing * (1.0 - rate))
            told += [tf.math.log(odds), tf.math.log1p(candidates)]
        return tf.stack(told, axis=1)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_ids": self.num_ids,
            "num_folds": self.num_folds,
            "smoothing": self.smoothing,
        }
