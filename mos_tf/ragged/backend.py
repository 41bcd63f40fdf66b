"""The seam between ragged computation and the backend: the few operations that `keras.ops` lacks.

Everything else in this package is `keras.ops`. TensorFlow computes with exact, dynamic sizes; JAX with static upper
bounds, so that everything can be jitted: what lies behind the last row is masked, never read.
"""

import keras

if keras.backend.backend() == "tensorflow":
    from mos_tf.ragged.tensorflow_backend import (
        INDEX,
        agree,
        at_most,
        bound,
        concrete,
        count,
        flat_nonzero,
        joint_ids,
        kept,
        look_up,
        repeat,
        segment_sum,
        spread,
        stable_argsort,
        take,
        take_once,
        weigh,
    )
elif keras.backend.backend() == "jax":
    from mos_tf.ragged.jax_backend import (
        INDEX,
        agree,
        at_most,
        bound,
        concrete,
        count,
        flat_nonzero,
        joint_ids,
        kept,
        look_up,
        repeat,
        segment_sum,
        spread,
        stable_argsort,
        take,
        take_once,
        weigh,
    )
else:
    raise ImportError(
        "mos_tf runs on Keras's tensorflow and jax backends. "
        f"Received: {keras.backend.backend()!r}; set KERAS_BACKEND before Keras is imported"
    )

__all__ = [
    "INDEX",
    "agree",
    "at_most",
    "bound",
    "concrete",
    "count",
    "flat_nonzero",
    "joint_ids",
    "kept",
    "look_up",
    "repeat",
    "segment_sum",
    "spread",
    "stable_argsort",
    "take",
    "take_once",
    "weigh",
]
