"""`Requests`: all requests of a split in memory, so that a hundred small trainings read the disk once."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import tensorflow as tf

from mos_tf.features import LABEL, REQUEST_TIME, USER_ID

Columns = Mapping[str, tf.Tensor | tf.RaggedTensor]
_SPLITS = "/splits"


class Requests:
    """Requests as tensors by column key, the label among them.

    Args:
        columns: as `SequenceRanker` takes them: lists of requests are RaggedTensors, scalars are [R].
    """

    def __init__(self, columns: Columns):
        self.columns = dict(columns)

    def __len__(self) -> int:
        return int(self.columns[USER_ID].shape[0])

    @classmethod
    def collect(cls, batches: Iterable[tuple[Columns, tf.RaggedTensor]]) -> Self:
        """Joins batches of (features, label)."""
        parts: dict[str, list] = {}
        for features, label in batches:
            for key, value in {**features, LABEL: label}.items():
                parts.setdefault(key, []).append(value)
        return cls({key: tf.concat(values, axis=0) for key, values in parts.items()})

    def drawn(self, number: int | None, seed: int) -> Self:
        """Returns so many requests drawn evenly, in their order; all where there are no more, or None is asked for."""
        if number is None or number >= len(self):
            return self
        return self._taken(np.sort(np.random.default_rng(seed).choice(len(self), number, replace=False)))

    def latest(self) -> Self:
        """Returns each user's latest request: its history is all there is of the user, as far back as it reaches."""
        times = pd.Series(self.columns[REQUEST_TIME].numpy())
        return self._taken(times.groupby(self.columns[USER_ID].numpy()).idxmax().to_numpy())

    def save(self, path: Path) -> None:
        """Writes plain arrays (`.npz`)."""
        arrays = {}
        for key, value in self.columns.items():
            if isinstance(value, tf.RaggedTensor):
                arrays[key], arrays[key + _SPLITS] = value.flat_values.numpy(), value.row_splits.numpy()
            else:
                arrays[key] = value.numpy()
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            columns = {
                key: tf.RaggedTensor.from_row_splits(arrays[key], arrays[key + _SPLITS], validate=False)
                if key + _SPLITS in arrays
                else tf.constant(arrays[key])
                for key in arrays
                if not key.endswith(_SPLITS)
            }
        return cls(columns)

    def batches(self, batch_size: int, *, shuffled_by: int | None = None) -> tf.data.Dataset:
        """Returns batches of (features, label), in order, or in a new seeded order each time through.

        Args:
            batch_size: requests a batch.
            shuffled_by: seed of the order; None: in order, once.
        """
        dataset = tf.data.Dataset.range(len(self))
        if shuffled_by is not None:
            dataset = dataset.shuffle(len(self), seed=shuffled_by)
        return dataset.batch(batch_size).map(self._rows).prefetch(2)

    def _taken(self, rows: np.ndarray) -> Self:
        return type(self)({key: tf.gather(value, rows) for key, value in self.columns.items()})

    def _rows(self, rows: tf.Tensor) -> tuple[dict, tf.RaggedTensor]:
        features = {key: tf.gather(value, rows) for key, value in self.columns.items()}
        return features, features.pop(LABEL)

    @property
    def labels(self) -> np.ndarray:
        """Labels of the flat candidates, float32 [M]."""
        return self.columns[LABEL].flat_values.numpy()

    @property
    def users(self) -> np.ndarray:
        """The (hashed) user of each flat candidate, int64 [M]."""
        return np.repeat(self.columns[USER_ID].numpy(), self.columns[LABEL].row_lengths().numpy())
