"""`ThemeRouter`: learned themes. Adapt once on training sessions, then route tokens to them."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
from keras import ops
from scipy import sparse

from mos_tf.errors import DataError
from mos_tf.layers.co_occurrence import FoundThemes, co_occurrence, codebook, find_themes, nearest_theme
from mos_tf.layers.contrast_start import contrast_embeddings
from mos_tf.layers.router import Router, unit
from mos_tf.ragged.backend import take


@keras.saving.register_keras_serializable("mos_tf")
class ThemeRouter(Router):
    """Routes each event and candidate to a theme through its token (this project's formulation of MoS routing).

        z^K(i) = argmax_k cos(r_a(i), w^K_k)

    a(i) is the token of item i (its category or type), r_a its routing embedding, w^K one codebook a resolution.
    `adapt` finds both from tokens that share sessions. They are then frozen, so that routing is a table look-up, or,
    with `learn`, go on learning from losses of their own (see `Router`).

    Args:
        num_tokens: number of token ids; the last one is the vocabulary's out-of-vocabulary id.
        num_themes: one or several resolutions K. The middle one routes the theme expert.
        routing_dim: m, width of the routing embeddings.
        seed: of the decomposition and of k-means.
        learn: whether training moves embeddings and codebooks.
        codebook_weight, session_weight, balance_weight: α, λ and γ of `Router`, for `learn`.

    Call arguments:
        routing: int tensor or RaggedTensor of token ids.

    Returns:
        int32 themes with a last axis of one column a resolution. Code K at resolution K holds what has no theme:
        unknown tokens and, frozen, tokens that never shared a session.

    Raises:
        ValueError: called before `adapt`, or with what are no integers; fewer than two token ids; `num_themes` as
            `Router`.

    Example:

    >>> import tensorflow as tf
    >>> router = ThemeRouter(num_tokens=5, num_themes=2, routing_dim=2)
    >>> router.adapt(sessions=np.array([0, 0, 1, 1]), tokens=np.array([0, 1, 2, 3]))
    >>> themes = router(tf.constant([0, 1, 2, 3, 4]))[:, 0].numpy()
    >>> bool(themes[0] == themes[1] != themes[2] == themes[3]), int(themes[4])
    (True, 2)
    """

    routes_tokens = True

    def __init__(
        self,
        num_tokens: int,
        num_themes: int | Sequence[int] = (8, 32, 128),
        routing_dim: int = 32,
        seed: int = 0,
        learn: bool = False,
        codebook_weight: float = 0.5,
        session_weight: float = 0.3,
        balance_weight: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(num_themes, routing_dim, learn, codebook_weight, session_weight, balance_weight, **kwargs)
        if num_tokens < 2:
            raise ValueError(
                "a router takes at least one token beside the unknown one. "
                f"Received: num_tokens={num_tokens}; count the vocabulary's ids, the out-of-vocabulary id included"
            )
        self.num_tokens = num_tokens
        self.seed = seed
        self.adapted = False  # a learning one goes on from what adapt finds
        self.embeddings = self.add_weight(
            shape=(num_tokens, routing_dim),
            initializer="zeros",
            trainable=learn,
            autocast=False,
            name="embeddings",
            dtype="float32",
        )
        if not learn:
            self.frozen_table = self.add_weight(
                shape=(num_tokens, len(self.num_themes)),
                initializer="zeros",
                trainable=False,
                autocast=False,
                name="table",
                dtype="int32",
            )
        self.built = True

    def adapt(
        self, sessions: np.ndarray, tokens: np.ndarray, start: Literal["co_occurrence", "random"] = "co_occurrence"
    ) -> None:
        """Finds the themes of tokens that share sessions.

        Args:
            sessions: int [N], the session of each event, unique over users, a session's events together and in order.
            tokens: int [N], the token of each event, in [0, num_tokens); the last one, of what is unknown, is left out.
            start: `"co_occurrence"`: counted and decomposed; `"random"`: random embeddings that some hundred steps of
                contrast between neighbours move (slower, and for nothing else than to learn without counting).

        Raises:
            DataError: not a session and a token id of each event; no two tokens ever share a session, or fewer tokens
                do than there are themes.
        """
        sessions, tokens = _events(sessions, tokens, self.num_tokens)
        known = tokens < self.num_tokens - 1
        sessions, tokens = sessions[known], tokens[known]
        frequency = np.bincount(tokens, minlength=self.num_tokens)
        if start == "co_occurrence":
            self.adapt_counts(co_occurrence(sessions, tokens, self.num_tokens), frequency)
        elif start == "random":
            embeddings = contrast_embeddings(sessions, tokens, self.num_tokens, self.routing_dim, self.seed)
            codebooks = tuple(codebook(embeddings, frequency, themes, self.seed) for themes in self.num_themes)
            table = np.stack([nearest_theme(embeddings, themes) for themes in codebooks], axis=1)
            self._assign(FoundThemes(embeddings, codebooks, table))
        else:
            raise ValueError(f"start must be 'co_occurrence' or 'random'. Received: start={start!r}")

    def adapt_counts(self, counts: sparse.csr_matrix, frequency: np.ndarray) -> None:
        """Finds the themes of tokens that were counted elsewhere, as a Beam job does at scale.

        Args:
            counts: `co_occurrence` of the known tokens, [num_tokens, num_tokens].
            frequency: events of each token, [num_tokens].

        Raises:
            DataError: as `adapt`.
        """
        self._assign(find_themes(counts, frequency, self.num_themes, self.routing_dim, self.seed))

    def _assign(self, found: FoundThemes) -> None:
        embeddings = found.embeddings
        if self.learn:  # a token that shared no session yet starts anywhere, so that it can learn where it belongs
            anywhere = np.random.default_rng(self.seed).normal(size=embeddings.shape)
            embeddings = np.where(np.any(embeddings, axis=1, keepdims=True), embeddings, 0.1 * anywhere)
        else:
            self.frozen_table.assign(found.table)
        self.embeddings.assign(embeddings)
        for weight, themes in zip(self.codebooks, found.codebooks, strict=True):
            weight.assign(themes)
        self.adapted = True

    def embed(self, routing: Any) -> Any:
        _check_tokens(routing)
        return take(self._token_embeddings(), routing)

    def _token_embeddings(self) -> Any:
        known = ops.arange(self.num_tokens)[:, None] < self.num_tokens - 1
        return ops.where(known, unit(ops.convert_to_tensor(self.embeddings)), 0.0)

    @property
    def table(self) -> Any:
        """The themes of every token, int32 [num_tokens, resolutions]."""
        return self.nearest(self._token_embeddings()) if self.learn else ops.convert_to_tensor(self.frozen_table)

    def call(self, routing: Any) -> Any:
        self._check_adapted()
        if hasattr(routing, "with_values"):
            return routing.with_values(self.call(routing.values))
        _check_tokens(routing)
        return take(self.table, routing)

    def _tokens(self, routing: Any, events: Any) -> Any:
        return take(routing, events)

    def compute_output_spec(self, routing: keras.KerasTensor) -> keras.KerasTensor:
        _check_tokens(routing)
        return keras.KerasTensor((*routing.shape, len(self.num_themes)), dtype="int32", ragged=routing.ragged)

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        # Frozen themes may have been given without embeddings; the unknown token's, K, is never 0.
        found = self.embeddings if self.learn else self.frozen_table
        self.adapted = bool(np.any(ops.convert_to_numpy(found)))

    def get_config(self) -> dict:
        return {**super().get_config(), "num_tokens": self.num_tokens, "seed": self.seed}


def _events(sessions: np.ndarray, tokens: np.ndarray, num_tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns the session and the token of each event, int64 [N] both, if that is what they are."""
    sessions, tokens = np.asarray(sessions), np.asarray(tokens)
    if sessions.ndim != 1 or sessions.shape != tokens.shape or {sessions.dtype.kind, tokens.dtype.kind} - set("iu"):
        raise DataError(
            "themes are found in the session and the token id of each event, integers [N] both. "
            f"Received: sessions {sessions.dtype} {list(sessions.shape)}, tokens {tokens.dtype} {list(tokens.shape)}; "
            "number the sessions, and look tokens up in a vocabulary"
        )
    if tokens.size and (tokens.min() < 0 or tokens.max() >= num_tokens):
        raise DataError(
            "token ids lie in [0, num_tokens), the last one for what is unknown. "
            f"Received: tokens from {tokens.min()} to {tokens.max()}, num_tokens={num_tokens}; "
            "count the vocabulary's ids, the out-of-vocabulary id included"
        )
    return sessions.astype(np.int64), tokens.astype(np.int64)


def _check_tokens(routing: Any) -> None:
    dtype = keras.backend.standardize_dtype(routing.dtype)
    if "int" not in dtype:
        raise ValueError(
            f"tokens are integers. Received: {dtype}; look them up in a vocabulary, or route vectors by EmbeddingRouter"
        )
