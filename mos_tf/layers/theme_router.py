"""`ThemeRouter`: learned themes. Adapt once on training sessions, then route tokens to them."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from mos_tf.errors import DataError
from mos_tf.layers.co_occurrence import co_occurrence, codebook, nearest_theme, positive_pmi, token_embeddings


@keras.saving.register_keras_serializable("mos_tf")
class ThemeRouter(keras.layers.Layer):
    """Routes each event and candidate to a theme through its token (this project's formulation of MoS routing).

        z^K(i) = argmax_k cos(r_a(i), w^K_k)

    a(i) is the token of item i (its category or type), r_a its routing embedding, w^K one codebook a resolution.
    `adapt` finds both from tokens that share sessions; they are then frozen, so routing is a table look-up.

    Args:
        num_tokens: number of token ids; the last one is the vocabulary's out-of-vocabulary id.
        num_themes: one or several resolutions K, ascending. The middle one routes the theme expert.
        routing_dim: m, width of the routing embeddings.
        seed: of the decomposition and of k-means.

    Call arguments:
        tokens: int tensor or RaggedTensor of token ids.

    Returns:
        int32 themes with a last axis of one column a resolution. Code K at resolution K holds what has no theme:
        unknown tokens and tokens that never shared a session.

    Raises:
        ValueError: called before `adapt`.

    Example:

    >>> router = ThemeRouter(num_tokens=5, num_themes=2, routing_dim=2)
    >>> router.adapt(sessions=np.array([0, 0, 1, 1]), tokens=np.array([0, 1, 2, 3]))
    >>> themes = router(tf.constant([0, 1, 2, 3, 4]))[:, 0].numpy()
    >>> bool(themes[0] == themes[1] != themes[2] == themes[3]), int(themes[4])
    (True, 2)
    """

    def __init__(
        self,
        num_tokens: int,
        num_themes: int | Sequence[int] = (8, 32, 128),
        routing_dim: int = 32,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_tokens = num_tokens
        self.num_themes = (num_themes,) if isinstance(num_themes, int) else tuple(sorted(num_themes))
        self.routing_dim = routing_dim
        self.seed = seed
        self.adapted = False
        state = {"initializer": "zeros", "trainable": False, "autocast": False}
        self.embeddings = self.add_weight(shape=(num_tokens, routing_dim), name="embeddings", dtype="float32", **state)
        self.codebooks = [
            self.add_weight(shape=(themes, routing_dim), name=f"codebook_{themes}", dtype="float32", **state)
            for themes in self.num_themes
        ]
        self.table = self.add_weight(shape=(num_tokens, len(self.num_themes)), name="table", dtype="int32", **state)
        self.built = True

    @property
    def routing_resolution(self) -> int:
        """Index of the resolution that routes the theme expert: the middle one."""
        return len(self.num_themes) // 2

    def adapt(self, sessions: np.ndarray, tokens: np.ndarray) -> None:
        """Finds the themes of tokens that share sessions.

        Args:
            sessions: int [N], the session of each event, unique over users.
            tokens: int [N], the token of each event.

        Raises:
            DataError: no two tokens ever share a session, or fewer tokens do than there are themes.
        """
        sessions, tokens = np.asarray(sessions), np.asarray(tokens)
        known = tokens < self.num_tokens - 1
        counts = co_occurrence(sessions[known], tokens[known], self.num_tokens)
        if not counts.nnz:
            raise DataError(
                "themes are found in tokens that share a session. "
                f"Received: {len(tokens)} events, no session of which has two tokens; widen the session gap"
            )
        embeddings = token_embeddings(positive_pmi(counts), self.routing_dim, self.seed)
        frequency = np.bincount(tokens[known], minlength=self.num_tokens).astype(np.float64)
        self.embeddings.assign(embeddings)
        columns = []
        for weight, themes in zip(self.codebooks, self.num_themes, strict=True):
            found = codebook(embeddings, frequency, themes, self.seed)
            weight.assign(found)
            columns.append(nearest_theme(embeddings, found))
        self.table.assign(np.stack(columns, axis=1))
        self.adapted = True

    def call(self, tokens: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
        if not self.adapted:
            raise ValueError(
                f"{self.name}: themes are not adapted. Received: a call before adapt; "
                "call adapt(sessions, tokens), or fit a SequenceRanker, first"
            )
        if isinstance(tokens, tf.RaggedTensor):
            return tokens.with_flat_values(self.call(tokens.flat_values))
        return ops.take(self.table, tokens, axis=0)

    def compute_output_spec(self, tokens: keras.KerasTensor) -> keras.KerasTensor:
        return keras.KerasTensor((*tokens.shape, len(self.num_themes)), dtype="int32", ragged=tokens.ragged)

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        self.adapted = bool(np.any(ops.convert_to_numpy(self.embeddings)))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_tokens": self.num_tokens,
            "num_themes": list(self.num_themes),
            "routing_dim": self.routing_dim,
            "seed": self.seed,
        }
