"""Affinity joins on keys: many candidates of a request must cost little more than one."""

from functools import partial

import numpy as np
import tensorflow as tf

from benchmarks.layers.measuring import alternate, milliseconds, ratio
from benchmarks.layers.results import Bar, Row
from benchmarks.layers.sizes import Sizes
from mos_tf.layers import HistoryAffinity

_LEVELS = ("item", "category", "brand", "theme_8", "theme_32", "theme_128")
_NUM_IDS = 200


def affinity(sizes: Sizes) -> list[Row]:
    """Measures one request with many candidates against one, forward."""
    rng = np.random.default_rng(0)
    layer = HistoryAffinity(_LEVELS)
    ids = {level: rng.integers(0, _NUM_IDS, sizes.events) for level in _LEVELS}
    seconds = np.sort(rng.integers(1, 10**7, sizes.events))[::-1].copy()
    one_row = tf.TensorSpec([None], tf.int64)

    @tf.function(input_signature=[dict.fromkeys(_LEVELS, one_row), one_row, dict.fromkeys(_LEVELS, one_row)])
    def match(history: dict, seconds: tf.Tensor, candidates: dict) -> tf.Tensor:
        def row(values: tf.Tensor) -> tf.RaggedTensor:
            return tf.RaggedTensor.from_row_lengths(values, tf.shape(values, out_type=tf.int64), validate=False)

        history, candidates = ({level: row(part[level]) for level in _LEVELS} for part in (history, candidates))
        return layer(history, candidates, history_time=row(seconds)).values

    history = {level: tf.constant(values) for level, values in ids.items()}
    ages = tf.constant(seconds)
    one, many = (
        {level: tf.constant(rng.integers(0, _NUM_IDS, number)) for level in _LEVELS} for number in (1, sizes.candidates)
    )

    def matched(candidates: dict) -> np.ndarray:
        return match(history, ages, candidates).numpy()

    sides = {"1 candidate": one, "many": many}
    times = alternate({name: partial(matched, wanted) for name, wanted in sides.items()}, sizes)
    return [
        Row(
            "many candidates",
            "affinity",
            f"time of {sizes.candidates} candidates / of 1",
            ratio(times, "many", "1 candidate"),
            Bar("<=", 2.0),
            milliseconds(times),
        )
    ]
