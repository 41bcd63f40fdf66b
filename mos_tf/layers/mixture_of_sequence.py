"""`MixtureOfSequence`: one history, three kinds of expert around any sequence encoder."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import keras
from keras import ops

from mos_tf.encoders.arguments import Arguments, positive
from mos_tf.encoders.base import SequenceEncoder, Shape, check_encoder, copy_encoder, like
from mos_tf.layers.embedding_router import EmbeddingRouter
from mos_tf.layers.fusion import Combination, Fusion
from mos_tf.layers.router import Router, resolutions
from mos_tf.layers.sessions import SESSION_GAP, session_numbers
from mos_tf.layers.short_term_expert import ShortTermExpert
from mos_tf.layers.theme_experts import ThemeExperts
from mos_tf.layers.theme_router import ThemeRouter
from mos_tf.ragged import Rows
from mos_tf.ragged.backend import count

EXPERTS = ("global", "short", "theme")


class Mixed(NamedTuple):
    """What the mixture says of M candidates.

    Attributes:
        vectors: [M, dim], the fused experts.
        evidence: [M, experts · evidence_dim], each expert's evidence, side by side.
        gates: float32 [M, experts], weight of each expert, in the order of `MixtureOfSequence.experts`.
        themes: int32 [M], the theme each candidate was routed to (K: no theme).
    """

    vectors: Any
    evidence: Any
    gates: Any
    themes: Any


class Routing(NamedTuple):
    """Where everything went; each in the form of its input.

    Attributes:
        history_themes: int32 [batch, (events), resolutions].
        candidate_themes: int32 [batch, (candidates), resolutions].
        gates: float32 [batch, (candidates), experts].
    """

    history_themes: Any
    candidate_themes: Any
    gates: Any


@keras.saving.register_keras_serializable("mos_tf")
class MixtureOfSequence(keras.layers.Layer):
    """Routes a history by learned themes into coherent subsequences and fuses three kinds of expert.

        h_global = E_g(S, v_c)      h_short = E_s(last W events, v_c)      h_theme = E_t((x_t : z_t = z_c), v_c)
        g = softmax(MLP([v_c, h_global, h_short, h_theme, φ_c]))          u_c = Σ_e g_e h_e

    Only the candidate's own theme is encoded, so the theme expert reads a fraction of the history. An empty subsequence
    gives the encoder's null vector. This project's formulation of "Mixture of Sequence" (arXiv 2604.20858), whose
    equations it does not reproduce word for word.

    Args:
        encoder: any `SequenceEncoder`. It becomes the global expert; the others are made with its configuration.
        num_themes: one or several resolutions; with several the middle one routes the theme expert.
        window: W, events the short-term expert sees.
        routing_unit: `"item"` routes each event by itself; `"session"` routes each session by the mean of its events.
        router: an existing router of the same `num_themes`; default one made by `make_router` (tokens), else an
            `EmbeddingRouter` of the routing embeddings.
        experts: which of `("global", "short", "theme")` take part, in this order. Light modes: without `"global"`
            nothing reads the whole history; with none at all the vector is a projection of the affinity alone.
        theme_weights: `"shared"`, one encoder for all themes, or `"own"`, one each.
        fusion: how the experts become one vector: `"gate"`, `"concatenation"` or `"mean"` (see `Fusion`).
        gate_units: width of the gate's hidden layer.
        session_gap: seconds without an event that end a session, where ids do not tell.

    Call arguments:
        history: float RaggedTensor [batch, (events), dim], oldest first.
        candidates: float RaggedTensor [batch, (candidates), dim], or dense [batch, dim].
        history_time: int64 RaggedTensor [batch, (events)], seconds before the request.
        history_session: RaggedTensor [batch, (events)] of session ids; default cut from `history_time`.
        affinity: float features a candidate, in the candidates' form, for the gate; or None.
        routing: pair (history's, candidates') of what is routed, in their forms: theme-token ids (int, through an
            adapted `ThemeRouter`) or routing embeddings (float). Default: the history and candidates themselves, with
            stopped gradients.
        return_routing: also return where everything went.

    Returns:
        [batch, (candidates), dim] in the candidates' form; with `return_routing` a pair of it and a `Routing`.

    Raises:
        ValueError: a history that is not ragged, batches of different sizes; a router of other themes, an encoder of
            another precision than the mixture's; routing by tokens without a router, or before it is adapted; session
            routing, or a learning router's session loss, with neither sessions nor time; an unknown expert; affinity
            alone without affinity.

    Example:

    >>> import numpy as np
    >>> import tensorflow as tf
    >>> from mos_tf.encoders import DIN
    >>> mixture = MixtureOfSequence(DIN(), num_themes=2, window=3)
    >>> mixture.make_router(num_tokens=5).adapt(sessions=np.array([0, 0, 1, 1]), tokens=np.array([0, 1, 2, 3]))
    >>> tokens = tf.ragged.constant([[0, 1, 2, 0], [3]], dtype=tf.int64)
    >>> history = tokens.with_values(tf.random.normal([5, 8]))
    >>> mixture(history, tf.random.normal([2, 8]), routing=(tokens, tf.constant([1, 1]))).shape
    TensorShape([2, 8])
    """

    def __init__(
        self,
        encoder: SequenceEncoder,
        num_themes: int | Sequence[int] = (8, 32, 128),
        window: int = 10,
        routing_unit: Literal["item", "session"] = "item",
        router: Router | None = None,
        *,
        experts: Sequence[str] = EXPERTS,
        theme_weights: Literal["shared", "own"] = "shared",
        fusion: Combination = "gate",
        gate_units: int = 4,
        session_gap: int = SESSION_GAP,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.num_themes = resolutions(num_themes)
        self.window = window
        self.routing_unit = _one_of("routing_unit", routing_unit, ("item", "session"))
        check_encoder(self, encoder)
        positive(self, window=window, gate_units=gate_units, session_gap=session_gap)
        experts = (experts,) if isinstance(experts, str) else experts
        for expert in experts:
            _one_of("experts", expert, EXPERTS)
        self.experts = tuple(expert for expert in EXPERTS if expert in experts)
        self.theme_weights = _one_of("theme_weights", theme_weights, ("shared", "own"))
        self.session_gap = session_gap
        if router is not None and tuple(router.num_themes) != self.num_themes:
            raise ValueError(
                "a mixture and its router have the same themes. "
                f"Received: num_themes={self.num_themes}, a router of {tuple(router.num_themes)}; make them equal"
            )
        self.encoder = encoder
        self.global_expert: Any = encoder if "global" in self.experts else None
        self.short_expert: Any = None
        self.theme_expert: Any = None
        if "short" in self.experts:
            own = copy_encoder(encoder, "short_term_encoder")
            self.short_expert = ShortTermExpert(own, window, name="short_expert", dtype=self.dtype_policy)
        if "theme" in self.experts:
            routing_themes = self.num_themes[len(self.num_themes) // 2]
            own = copy_encoder(encoder, "theme_encoder")
            self.theme_expert = ThemeExperts(
                own, routing_themes, self.theme_weights == "own", name="theme_expert", dtype=self.dtype_policy
            )
        self.combination = fusion
        # A gate over a single expert has nothing to weigh.
        combination: Combination = fusion if len(self.experts) > 1 else "mean"
        self.fusion = Fusion(combination, gate_units, dtype=self.dtype_policy, name="fusion")
        # Last, where `make_router` puts it, too: the order of the weights is that of an optimizer's state in a file.
        self.router: Any = router

    def make_router(self, num_tokens: int, **kwargs: Any) -> ThemeRouter:
        """Creates the router of this mixture's themes over `num_tokens` token ids, yet to be adapted.

        Args:
            num_tokens: number of token ids, the out-of-vocabulary id included.
            **kwargs: of `ThemeRouter`, as `learn=True`.
        """
        self.router = ThemeRouter(num_tokens, self.num_themes, name="router", **kwargs)
        return self.router

    @property
    def evidence_dim(self) -> int:
        """Width of `Mixed.evidence`."""
        experts = (self.global_expert, self.short_expert, self.theme_expert)
        return sum(expert.evidence_dim for expert in experts if expert is not None)

    def build(
        self,
        history_shape: Shape,
        candidates_shape: Shape,
        affinity_shape: Shape | None = None,
        routing_shape: Any = None,
    ) -> None:
        if self.router is None:
            routed = history_shape if routing_shape is None else routing_shape[0]
            if len(routed) < len(history_shape):
                raise ValueError(
                    f"{self.name}: routing by tokens needs a router. Received: router=None; "
                    "call make_router(num_tokens) and adapt it first"
                )
            self.router = EmbeddingRouter(self.num_themes, name="router")
            self.router.build(routed)
        if not self.experts and affinity_shape is None:
            raise ValueError(f"{self.name}: without experts, affinity is all there is. Received: affinity=None")
        for expert in (self.global_expert, self.short_expert, self.theme_expert):
            if expert is not None and not expert.built:  # the global expert is, where it was read from a file
                expert.build(history_shape, candidates_shape)
        self.output_dim = self.encoder.output_dim or history_shape[-1]
        if self.experts:
            shape = (None, len(self.experts), self.output_dim)
            self.fusion.build((None, candidates_shape[-1]), shape, affinity_shape)
        else:
            self.affinity_projection = keras.layers.Dense(
                self.output_dim, name="affinity_projection", dtype=self.dtype_policy
            )
            self.affinity_projection.build((None, affinity_shape[-1]))  # type: ignore[index]
        self.built = True

    def mix(
        self,
        history: Rows,
        candidates: Any,
        candidate_rows: Any,
        themes: tuple[Any, Any],
        time: Any = None,
        affinity: Any = None,
    ) -> Mixed:
        """Mixes on flat values.

        Args:
            history: R sequences of [dim] events, oldest first.
            candidates: [M, dim].
            candidate_rows: int [M], or None: candidate c looks at row c.
            themes: int32 [N] of the events and [M] of the candidates, at the routing resolution.
            time: int [N], seconds before the request of each event, or None.
            affinity: [M, features], or None.
        """
        encoded = []
        if self.global_expert is not None:
            encoded.append(self.global_expert.encode(history, candidates, candidate_rows, time))
        if self.short_expert is not None:
            encoded.append(self.short_expert.encode(history, candidates, candidate_rows, time))
        if self.theme_expert is not None:
            encoded.append(self.theme_expert.encode(history, candidates, candidate_rows, themes, time))
        if not encoded:
            vectors = self.affinity_projection(affinity)
            nothing = ops.zeros((count(candidates), 0))
            return Mixed(vectors, ops.cast(nothing, vectors.dtype), nothing, themes[1])
        experts = ops.stack([expert.vectors for expert in encoded], axis=1)
        vectors, gates = self.fusion(candidates, experts, affinity)
        evidence = ops.concatenate([expert.evidence for expert in encoded], axis=1)
        return Mixed(vectors, evidence, gates, themes[1])

    def call(
        self,
        history: Any,
        candidates: Any,
        *,
        history_time: Any = None,
        history_session: Any = None,
        affinity: Any = None,
        routing: tuple[Any, Any] | None = None,
        return_routing: bool = False,
        training: bool = False,
    ) -> Any:
        rows, wanted, candidate_rows, time = Arguments.of(self, history, candidates, history_time)
        ids = None if history_session is None else Rows.of(history_session).values
        sessions = None
        if self.routing_unit == "session" or time is not None or ids is not None:
            sessions = session_numbers(rows, sessions=ids, time=time, gap=self.session_gap)
        routed = (rows.values, wanted) if routing is None else tuple(Rows.of(part).values for part in routing)
        if training and self.router.learn:
            self.router.learn_from(routed[0], sessions)
        by_session = self.routing_unit == "session"
        events = self.router.session_themes(routed[0], sessions) if by_session else self.router(routed[0])
        themes = (events, self.router(routed[1]))
        column = self.router.routing_resolution
        mixed = self.mix(
            rows,
            wanted,
            candidate_rows,
            (themes[0][:, column], themes[1][:, column]),
            time,
            None if affinity is None else Rows.of(affinity).values,
        )
        vectors = like(candidates, mixed.vectors)
        if not return_routing:
            return vectors
        return vectors, Routing(like(history, themes[0]), like(candidates, themes[1]), like(candidates, mixed.gates))

    def compute_output_spec(
        self, history: keras.KerasTensor, candidates: keras.KerasTensor, *, return_routing: bool = False, **_: Any
    ) -> Any:
        def spec(like: keras.KerasTensor, width: int, dtype: str) -> keras.KerasTensor:
            return keras.KerasTensor((*like.shape[:-1], width), dtype=dtype, ragged=like.ragged)

        vectors = spec(candidates, self.encoder.output_dim or history.shape[-1], self.compute_dtype)
        if not return_routing:
            return vectors
        resolutions = len(self.num_themes)
        return vectors, Routing(
            spec(history, resolutions, "int32"),
            spec(candidates, resolutions, "int32"),
            spec(candidates, len(self.experts), "float32"),
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "num_themes": list(self.num_themes),
            "window": self.window,
            "routing_unit": self.routing_unit,
            "router": keras.saving.serialize_keras_object(self.router) if self.router is not None else None,
            "experts": list(self.experts),
            "theme_weights": self.theme_weights,
            "fusion": self.combination,
            "gate_units": self.fusion.hidden_units,
            "session_gap": self.session_gap,
        }

    @classmethod
    def from_config(cls, config: dict) -> "MixtureOfSequence":
        config = {"gate_units": 32, **config}  # files of before it could be chosen have so many
        config["encoder"] = keras.saving.deserialize_keras_object(config["encoder"])
        config["router"] = keras.saving.deserialize_keras_object(config["router"]) if config["router"] else None
        return cls(**config)


def _one_of(name: str, value: str, known: Sequence[str]) -> Any:
    if value not in known:
        raise ValueError(f"{name} must be of {list(known)}. Received: {value!r}")
    return value
