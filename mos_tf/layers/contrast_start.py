"""How themes start where co-occurrence is not counted: from random embeddings, by what neighbours in sessions teach."""

import keras
import numpy as np
import tensorflow as tf

from mos_tf.errors import DataError
from mos_tf.losses import session_contrast

_PAIRS = 512  # a step
_LEARNING_RATE = 0.03


def contrast_embeddings(
    sessions: np.ndarray, tokens: np.ndarray, num_tokens: int, dim: int, seed: int, steps: int = 400
) -> np.ndarray:
    """Learns unit token embeddings from a random start by InfoNCE over neighbours inside one session.

    No codebook takes part yet: codes that are there from the first step divide noise among themselves and stay so.

    Args:
        sessions: int [N], the session of each event, the events of a session together and in order.
        tokens: int [N].
        num_tokens: V.
        dim: width of the embeddings.
        seed: of the start and of the pairs drawn.
        steps: gradient steps.

    Returns:
        float32 [V, dim]; zeros for tokens that never stand beside another token.

    Raises:
        DataError: no session has two different tokens beside each other.
    """
    together = np.flatnonzero((sessions[1:] == sessions[:-1]) & (tokens[1:] != tokens[:-1]))
    if not len(together):
        raise DataError(
            "themes are learned from different tokens that are neighbours in a session. "
            f"Received: {len(tokens)} events without such a pair; widen the session gap"
        )
    rng = np.random.default_rng(seed)
    table = tf.Variable(rng.normal(size=(num_tokens, dim)).astype(np.float32))
    optimizer = keras.optimizers.Adam(_LEARNING_RATE)
    number = np.arange(_PAIRS)
    partner = tf.constant(np.concatenate([number + _PAIRS, number]), tf.int32)

    @tf.function
    def step(drawn: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = session_contrast(tf.gather(table, drawn), partner, drawn)
        optimizer.apply([tape.gradient(loss, table)], [table])

    for _ in range(steps):
        first = rng.choice(together, _PAIRS)
        step(tf.constant(np.concatenate([tokens[first], tokens[first + 1]]), tf.int32))
    embeddings = table.numpy()
    seen = np.zeros(num_tokens, bool)
    seen[np.concatenate([tokens[together], tokens[together + 1]])] = True
    return np.where(seen[:, None], embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), 0.0)
