"""`MixtureOfSequence`: one history, three kinds of expert around any sequence encoder."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from mos_tf.encoders.base import SequenceEncoder, Shape
from mos_tf.layers.fusion import Fusion
from mos_tf.layers.theme_router import ThemeRouter
from mos_tf.ragged import Rows, last_events, regroup_rows, row_ids


class Mixed(NamedTuple):
    """What the mixture says of M candidates.

    Attributes:
        vectors: [M, dim], the fused experts.
        evidence: [M, 3 · evidence_dim], each expert's evidence, side by side.
        gates: [M, 3], weight of the global, short-term and theme expert.
        themes: int32 [M], the theme each candidate was routed to (K: no theme).
    """

    vectors: tf.Tensor
    evidence: tf.Tensor
    gates: tf.Tensor
    themes: tf.Tensor


@keras.saving.register_keras_serializable("mos_tf")
class MixtureOfSequence(keras.layers.Layer):
    """Routes a history by learned themes into coherent subsequences and fuses three kinds of expert.

        h_global = E_g(S, v_c)      h_short = E_s(last W events, v_c)      h_theme = E_t((x_t : z_t = z_c), v_c)
        g = softmax(MLP([v_c, h_global, h_short, h_theme, φ_c]))          u_c = Σ_e g_e h_e

    Only the candidate's own theme is encoded, so the theme expert reads a fraction of the history. The theme experts
    share one encoder. An empty subsequence gives the encoder's null vector. This project's formulation of "Mixture of
    Sequence" (arXiv 2604.20858), whose equations it does not reproduce word for word.

    Args:
        encoder: any `SequenceEncoder`. It becomes the global expert; the other two are made with its configuration.
        num_themes: one or several resolutions; with several the middle one routes the theme expert.
        window: W, events the short-term expert sees.
        router: an existing `ThemeRouter`; default one made by `make_router`.

    Call arguments:
        history: float RaggedTensor [batch, (events), dim], oldest first.
        candidates: float RaggedTensor [batch, (candidates), dim], or dense [batch, dim].
        routing: pair of theme-token ids (history's RaggedTensor, candidates' in their form).
        history_time: int64 RaggedTensor [batch, (events)], seconds before the request.
        affinity: float features a candidate, in the candidates' form, for the gate; or None.

    Returns:
        [batch, (candidates), dim] in the candidates' form.

    Raises:
        ValueError: routing by tokens before the router is adapted, or without a router.

    Example:

    >>> import numpy as np
    >>> from mos_tf.encoders import DIN
    >>> mixture = MixtureOfSequence(DIN(), num_themes=2, window=3)
    >>> mixture.make_router(num_tokens=5).adapt(sessions=np.array([0, 0, 1, 1]), tokens=np.array([0, 1, 2, 3]))
    >>> tokens = tf.ragged.constant([[0, 1, 2, 0], [3]], dtype=tf.int64)
    >>> history = tokens.with_values(tf.random.normal([5, 8]))
    >>> mixture(history, tf.random.normal([2, 8]), routing=(tokens, tf.constant([1, 1]))).shape
    TensorShape([2, 8])
    """

    experts = ("global", "short", "theme")

    def __init__(
        self,
        encoder: SequenceEncoder,
        num_themes: int | Sequence[int] = (8, 32, 128),
        window: int = 50,
        router: ThemeRouter | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_themes = (num_themes,) if isinstance(num_themes, int) else tuple(sorted(num_themes))
        self.window = window
        self.router: Any = router
        self.global_expert = encoder
        self.short_expert = type(encoder).from_config({**encoder.get_config(), "name": "short_expert"})
        self.theme_expert = type(encoder).from_config({**encoder.get_config(), "name": "theme_expert"})
        self.fusion = Fusion(dtype=self.dtype_policy, name="fusion")

    def make_router(self, num_tokens: int, **kwargs: Any) -> ThemeRouter:
        """Creates the router of this mixture's themes over `num_tokens` token ids, yet to be adapted."""
        self.router = ThemeRouter(num_tokens, self.num_themes, name="router", **kwargs)
        return self.router

    @property
    def evidence_dim(self) -> int:
        """Width of `Mixed.evidence`."""
        return len(self.experts) * self.global_expert.evidence_dim

    def build(self, history_shape: Shape, candidates_shape: Shape, affinity_shape: Shape | None = None) -> None:
        if self.router is None:
            raise ValueError(
                f"{self.name}: routing by tokens needs a router. Received: router=None; "
                "call make_router(num_tokens) and adapt it first"
            )
        for expert in (self.global_expert, self.short_expert, self.theme_expert):
            if not expert.built:  # the global expert is, where it was read from a file
                expert.build(history_shape, candidates_shape)
        dim = self.global_expert.output_dim
        self.fusion.build((None, candidates_shape[-1]), (None, len(self.experts), dim), affinity_shape)
        self.built = True

    def mix(
        self,
        history: Rows,
        candidates: tf.Tensor,
        candidate_rows: tf.Tensor,
        themes: tuple[tf.Tensor, tf.Tensor],
        time: tf.Tensor | None = None,
        affinity: tf.Tensor | None = None,
    ) -> Mixed:
        """Mixes on flat values: `themes` are int32 [N] of the events and [M] of the candidates."""
        history_themes, candidate_themes = themes
        num_codes = self.num_themes[len(self.num_themes) // 2] + 1
        timed = Rows(tf.range(history.splits[-1]), history.splits)

        def view(order: Rows) -> tuple[Rows, tf.Tensor | None]:
            return (
                Rows(tf.gather(history.values, order.values), order.splits),
                None if time is None else tf.gather(time, order.values),
            )

        short, short_time = view(last_events(timed, self.window))
        themed, themed_time = view(regroup_rows(timed, history_themes, num_codes))
        themed_rows = candidate_rows * num_codes + tf.cast(candidate_themes, tf.int64)
        encoded = (
            self.global_expert.encode(history, candidates, candidate_rows, time),
            self.short_expert.encode(short, candidates, candidate_rows, short_time),
            self.theme_expert.encode(themed, candidates, themed_rows, themed_time),
        )
        experts = tf.stack([expert.vectors for expert in encoded], axis=1)
        vectors, gates = self.fusion(candidates, experts, affinity)
        evidence = tf.concat([expert.evidence for expert in encoded], axis=1)
        return Mixed(vectors, evidence, gates, candidate_themes)

    def call(
        self,
        history: tf.RaggedTensor,
        candidates: tf.Tensor | tf.RaggedTensor,
        *,
        routing: tuple[tf.RaggedTensor, tf.Tensor | tf.RaggedTensor],
        history_time: tf.RaggedTensor | None = None,
        affinity: tf.Tensor | tf.RaggedTensor | None = None,
    ) -> tf.Tensor | tf.RaggedTensor:
        rows = Rows.of(candidates)
        column = self.router.routing_resolution
        events, wanted = (Rows.of(self.router(tokens)).values[:, column] for tokens in routing)
        vectors = self.mix(
            Rows.of(history),
            rows.values,
            row_ids(rows.splits),
            (events, wanted),
            None if history_time is None else Rows.of(history_time).values,
            None if affinity is None else Rows.of(affinity).values,
        ).vectors
        return candidates.with_values(vectors) if isinstance(candidates, tf.RaggedTensor) else vectors

    def compute_output_spec(
        self, history: keras.KerasTensor, candidates: keras.KerasTensor, **_: Any
    ) -> keras.KerasTensor:
        dim = self.global_expert.output_dim or history.shape[-1]
        return keras.KerasTensor((*candidates.shape[:-1], dim), dtype=self.compute_dtype, ragged=candidates.ragged)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.global_expert),
            "num_themes": list(self.num_themes),
            "window": self.window,
            "router": keras.saving.serialize_keras_object(self.router) if self.router is not None else None,
        }

    @classmethod
    def from_config(cls, config: dict) -> "MixtureOfSequence":
        config = dict(config)
        config["encoder"] = keras.saving.deserialize_keras_object(config["encoder"])
        config["router"] = keras.saving.deserialize_keras_object(config["router"]) if config["router"] else None
        return cls(**config)
