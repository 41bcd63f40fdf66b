"""Refuses rows that are too long for what costs the square of their length."""

from typing import Any

from keras import ops

from mos_tf.ragged.backend import at_most
from mos_tf.ragged.rows import row_lengths


def refuse_longer(splits: Any, limit: int) -> Any:
    """Returns the splits if no row is longer than `limit`.

    Args:
        splits: int [R + 1].
        limit: events a row.

    Raises:
        tensorflow.errors.InvalidArgumentError: on TensorFlow, when the computation runs (eager, graph or served).
        ValueError: on JAX; under `jax.jit` from a callback, as JAX's own runtime error.

    Example:

    >>> import tensorflow as tf
    >>> refuse_longer(tf.constant([0, 2, 5], tf.int64), limit=3).numpy().tolist()
    [0, 2, 5]
    """
    return at_most(
        limit,
        ops.max(row_lengths(splits), initial=0),
        rule="a quadratic layer takes a limited number of events a row",
        way_out="encode fewer (max_events), or use a layer of linear cost (SDIM, TWIN, Mamba4Rec)",
        then=splits,
    )
