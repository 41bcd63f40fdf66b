"""`Router`: the base of what routes events to themes: codebooks, and how they are learned on."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from mos_tf.losses import load_balance, session_contrast, vq_loss
from mos_tf.ragged.backend import count, take

_DEAD = 0.1  # of an even share of the load
_MEMORY = 0.99  # of the running load, a step
_SAMPLED_PAIRS = 512  # neighbours a step for InfoNCE, whose cost is quadratic in them
_SHARPNESS = 0.15  # temperature of the soft assignment whose balance is asked for


class Router(keras.layers.Layer):
    """Routes by nearest codebook vector (this project's formulation of MoS routing).

        z^K(i) = argmax_k cos(r_i, w^K_k)                                       one codebook a resolution K
        z^K(t) = argmax_k cos(mean_{t': s(t') = s(t)} r_t', w^K_k)              the whole session at once

    A subclass says what r is, in `embed`. With `learn`, embeddings and codebooks go on learning from losses of their
    own, never through the dispatch:

        α L_vq + λ L_session + γ L_balance        and codes under 0.1/K of the load start again at an event's embedding

    Args:
        num_themes: one or several resolutions K. The middle one routes the theme expert.
        routing_dim: m, width of r.
        learn: whether training moves embeddings and codebooks.
        codebook_weight: α.
        session_weight: λ. The codebook loss alone finds no themes: 0 is for those who bring other losses.
        balance_weight: γ.

    Attributes:
        routes_tokens: whether it routes token ids (int), not vectors (float).
        adapted: whether it has themes to route to: found by `adapt`, or learned from a random start.

    Raises:
        ValueError: no resolution, one below 1, or one twice.
    """

    routes_tokens = False

    def __init__(
        self,
        num_themes: int | Sequence[int],
        routing_dim: int,
        learn: bool,
        codebook_weight: float = 0.5,
        session_weight: float = 0.3,
        balance_weight: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_themes = resolutions(num_themes)
        self.routing_dim = routing_dim
        self.learn = learn
        self.codebook_weight = codebook_weight
        self.session_weight = session_weight
        self.balance_weight = balance_weight
        self.adapted = learn  # codebooks that learn may start at random
        self.seed_generator = keras.random.SeedGenerator(0)
        float32 = {"dtype": "float32", "autocast": False}
        self.codebooks = [
            self.add_weight(
                shape=(themes, routing_dim),
                initializer=keras.initializers.RandomNormal(seed=0) if learn else "zeros",
                trainable=learn,
                name=f"codebook_{themes}",
                **float32,
            )
            for themes in self.num_themes
        ]
        self.loads = [
            self.add_weight(
                shape=(themes,),
                initializer=keras.initializers.Constant(1.0 / themes),
                trainable=False,
                name=f"load_{themes}",
                **float32,
            )
            for themes in (self.num_themes if learn else ())
        ]

    @property
    def routing_resolution(self) -> int:
        """Index of the resolution that routes the theme expert: the middle one."""
        return len(self.num_themes) // 2

    def embed(self, routing: Any) -> Any:
        """Returns r, float32 [n, m] of unit norm; zeros for what has no theme."""
        raise NotImplementedError(f"{type(self).__name__} must define embed(routing)")

    def call(self, routing: Any) -> Any:
        """Returns int32 themes with a last axis of one column a resolution; code K at resolution K: no theme."""
        self._check_adapted()
        if isinstance(routing, tf.RaggedTensor):
            return routing.with_values(self.call(routing.values))
        return self.nearest(self.embed(routing))

    def session_themes(self, routing: Any, sessions: Any) -> Any:
        """Routes whole sessions by their mean.

        Args:
            routing: [N, …] of the events.
            sessions: int [N], ascending session numbers.

        Returns:
            int32 [N, resolutions], equal within a session.
        """
        self._check_adapted()
        embeddings = self.embed(routing)
        sums = ops.segment_sum(embeddings, sessions, num_segments=count(sessions))  # cos does not mind the divisor
        return take(self.nearest(unit(sums)), sessions)

    def _check_adapted(self) -> None:
        if not self.adapted:
            raise ValueError(
                f"{self.name}: themes are not adapted. Received: a call before adapt; "
                f"call {type(self).__name__}.adapt first"
            )

    def nearest(self, embeddings: Any) -> Any:
        """Returns z^K, int32 [n, resolutions], of unit embeddings [n, m]; K for a zero embedding."""
        known = ops.any(embeddings != 0, axis=-1)
        columns = [
            ops.where(known, ops.cast(ops.argmax(self._scores(embeddings, codebook), axis=-1), "int32"), themes)
            for codebook, themes in zip(self.codebooks, self.num_themes, strict=True)
        ]
        return ops.stack(columns, axis=-1)

    @staticmethod
    def _scores(embeddings: Any, codebook: Any) -> Any:
        return ops.matmul(embeddings, ops.transpose(unit(ops.convert_to_tensor(codebook))))

    def learn_from(self, routing: Any, sessions: Any = None) -> None:
        """Adds this router's losses of a batch of events, and gives dead codes a new start; frozen, it does neither.

        Args:
            routing: [N, …] of the events, row after row, oldest first.
            sessions: int [N], ascending session numbers; None where `session_weight` is 0.

        Raises:
            ValueError: no sessions for a session loss.
        """
        if not self.learn:
            return
        if sessions is None and self.session_weight:
            raise ValueError(
                f"{self.name}: a learning router's session loss needs sessions. Received: sessions=None; "
                "give the mixture history_time or history_session, or its router session_weight=0"
            )
        embeddings = self.embed(routing)
        self.add_loss(self.codebook_weight * self._codebook_loss(embeddings))
        if self.session_weight:
            self.add_loss(self.session_weight * self._session_loss(routing, sessions))
        for load, codebook, column in zip(
            self.loads, self.codebooks, ops.unstack(self.nearest(embeddings), axis=-1), strict=True
        ):
            self._revive(load, codebook, column, ops.stop_gradient(embeddings))

    def _codebook_loss(self, embeddings: Any) -> Any:
        known = ops.any(embeddings != 0, axis=-1)
        total = 0.0
        for codebook, themes in zip(self.codebooks, self.num_themes, strict=True):
            scores = self._scores(embeddings, codebook)
            nearest = ops.argmax(scores, axis=-1)
            # What has no theme lies on its "code", so it pulls nothing.
            codes = ops.where(known[:, None], take(unit(ops.convert_to_tensor(codebook)), nearest), embeddings)
            total += vq_loss(embeddings, codes)
            if self.balance_weight:
                total += self.balance_weight * load_balance(ops.softmax(scores / _SHARPNESS), nearest, themes)
        return total / len(self.codebooks)

    def _session_loss(self, routing: Any, sessions: Any) -> Any:
        size = ops.maximum(ops.shape(sessions)[0] - 1, 1)
        drawn = keras.random.uniform((_SAMPLED_PAIRS,), seed=self.seed_generator)
        first = ops.cast(drawn * ops.cast(size, "float32"), "int32")
        second = ops.minimum(first + 1, ops.shape(sessions)[0] - 1)
        together = take(sessions, first) == take(sessions, second)
        number = ops.arange(_SAMPLED_PAIRS)
        events = ops.concatenate([first, second])
        partner = ops.concatenate([number + _SAMPLED_PAIRS, number])
        return session_contrast(
            self.embed(take(routing, events)),
            ops.where(ops.tile(together, [2]), partner, -1),
            self._tokens(routing, events),
        )

    def _tokens(self, routing: Any, events: Any) -> Any:
        """What two events must differ in to be each other's negatives: here, which event they are."""
        return events

    def _revive(self, load: Any, codebook: Any, nearest: Any, embeddings: Any) -> None:
        themes = codebook.shape[0]
        counts = ops.segment_sum(ops.ones_like(embeddings[:, 0]), nearest, num_segments=themes + 1)[:themes]
        share = counts / ops.maximum(ops.sum(counts), 1.0)
        running = _MEMORY * load + (1.0 - _MEMORY) * share
        drawn = keras.random.uniform((themes,), seed=self.seed_generator) * ops.cast(count(embeddings), "float32")
        fresh = take(embeddings, ops.cast(drawn, "int32"))
        dead = (running < _DEAD / themes) & ops.any(fresh != 0, axis=-1)
        codebook.assign(ops.where(dead[:, None], fresh, ops.convert_to_tensor(codebook)))
        load.assign(ops.where(dead, 1.0 / themes, running))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_themes": list(self.num_themes),
            "routing_dim": self.routing_dim,
            "learn": self.learn,
            "codebook_weight": self.codebook_weight,
            "session_weight": self.session_weight,
            "balance_weight": self.balance_weight,
        }


def resolutions(num_themes: int | Sequence[int]) -> tuple[int, ...]:
    """Returns one or several resolutions K, ascending.

    Raises:
        ValueError: none, one below 1, or one twice.

    Example:

    >>> resolutions(8), resolutions([32, 8])
    ((8,), (8, 32))
    """
    given = np.atleast_1d(np.asarray(num_themes))
    if given.dtype.kind not in "iu" or not given.size or given.min() < 1 or len(np.unique(given)) != len(given):
        raise ValueError(
            "num_themes is one or several distinct integers of at least 1. "
            f"Received: num_themes={num_themes!r}; give each resolution once, as (8, 32, 128)"
        )
    return tuple(sorted(given.tolist()))


def unit(vectors: Any) -> Any:
    """Scales vectors [n, m] to unit norm; a zero vector stays zero, with a zero gradient."""
    squared = ops.sum(ops.square(vectors), axis=-1, keepdims=True)
    return ops.where(squared > 1e-16, vectors * ops.rsqrt(ops.maximum(squared, 1e-16)), 0.0)
