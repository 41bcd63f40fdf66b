"""`ThemeExperts`: any encoder over the events of the candidate's own theme."""

from typing import Any

import keras
from keras import ops

from mos_tf.encoders.arguments import Arguments
from mos_tf.encoders.base import Encoded, SequenceEncoder, Shape, check_encoder, copy_encoder, like
from mos_tf.ragged import Rows, matching_rows, rows_where
from mos_tf.ragged.backend import count, flat_nonzero, stable_argsort, take


@keras.saving.register_keras_serializable("mos_tf")
class ThemeExperts(keras.layers.Layer):
    """Encodes, for each candidate, the coherent subsequence of its own theme: target-aware sparse activation.

        h_theme = E_z(S_z, v_c)        z = z_c,  S_z = (x_t : z_t = z)

    Events of themes that no candidate has are never looked at. By default all themes share one encoder; own weights
    cost `num_themes` times the parameters, no more multiplications, and brought no gain in this project's trials.

    Args:
        encoder: any `SequenceEncoder`, the shared one, or the pattern of each theme's own.
        num_themes: K; code K, "no theme", has an expert too.
        own_weights: whether every theme has an encoder of its own.

    Call arguments:
        history: float RaggedTensor [batch, (events), dim], oldest first.
        candidates: float RaggedTensor [batch, (candidates), dim], or dense [batch, dim] for one each.
        themes: pair (history's, candidates') of int themes in [0, K], in their forms.
        history_time: int64 RaggedTensor [batch, (events)], seconds before the request, or None.

    Returns:
        [batch, (candidates), output_dim] in the candidates' form.

    Raises:
        ValueError: what is no encoder, or one of another precision than the layer's.

    Example:

    >>> import tensorflow as tf
    >>> from mos_tf.encoders import DIN
    >>> themes = tf.ragged.constant([[0, 1, 0], []], dtype=tf.int32)
    >>> history = themes.with_values(tf.random.normal([3, 8]))
    >>> experts = ThemeExperts(DIN(), num_themes=2)
    >>> experts(history, tf.random.normal([2, 8]), themes=(themes, tf.constant([0, 1]))).shape
    TensorShape([2, 8])
    """

    def __init__(self, encoder: SequenceEncoder, num_themes: int, own_weights: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        check_encoder(self, encoder)
        self.num_themes = num_themes
        self.own_weights = own_weights
        self.encoders = (
            [copy_encoder(encoder, f"theme_{theme}") for theme in range(num_themes + 1)] if own_weights else [encoder]
        )

    @property
    def evidence_dim(self) -> int:
        """Width of the evidence, the encoder's."""
        return self.encoders[0].evidence_dim

    def build(self, history_shape: Shape, candidates_shape: Shape) -> None:
        for encoder in self.encoders:
            if not encoder.built:  # it is, where it was read from a file
                encoder.build(history_shape, candidates_shape)
        self.built = True

    def call(self, history: Any, candidates: Any, *, themes: tuple[Any, Any], history_time: Any = None) -> Any:
        rows, wanted, candidate_rows, time = Arguments.of(self, history, candidates, history_time)
        of_events, of_candidates = (Rows.of(part).values for part in themes)
        return like(candidates, self.encode(rows, wanted, candidate_rows, (of_events, of_candidates), time).vectors)

    def encode(
        self, history: Rows, candidates: Any, candidate_rows: Any, themes: tuple[Any, Any], time: Any = None
    ) -> Encoded:
        """Encodes M candidates, each against its theme's events.

        Args:
            history: R sequences of [dim] events, oldest first.
            candidates: [M, dim].
            candidate_rows: int [M], or None: candidate c looks at row c.
            themes: int [N] of the events and [M] of the candidates, in [0, K].
            time: int [N], seconds before the request of each event, or None.
        """
        event_themes, candidate_themes = themes
        own, own_rows = matching_rows(history, event_themes, candidate_themes, candidate_rows)
        rows = own.rows(history.values)
        own_time = None if time is None else own.rows(time).values
        if not self.own_weights:
            return self.encoders[0].encode(rows, candidates, own_rows, own_time)
        return self._encode_apart(rows, candidates, own_rows, candidate_themes, own_time)

    def _encode_apart(self, rows: Rows, candidates: Any, candidate_rows: Any, themes: Any, time: Any) -> Encoded:
        """Lets each theme's encoder read the rows, each of one theme, and answer the candidates of that theme."""
        num_candidates = count(candidates)
        row_themes = themes
        if candidate_rows is not None:
            row_themes = ops.segment_max(themes, candidate_rows, num_segments=rows.num_rows)
        parts, places = [], []
        for theme, encoder in enumerate(self.encoders):
            chosen = rows_where(rows, row_themes == theme)
            place = flat_nonzero(themes == theme)
            looked_at = None
            if candidate_rows is not None:
                number = ops.cumsum(ops.cast(row_themes == theme, candidate_rows.dtype)) - 1
                looked_at = take(number, take(candidate_rows, place))
            own_time = None if time is None else chosen.rows(time).values
            parts.append(encoder.encode(chosen.rows(rows.values), take(candidates, place), looked_at, own_time))
            there = ops.arange(count(place), dtype=place.dtype) < ops.sum(ops.cast(themes == theme, place.dtype))
            places.append(ops.where(there, place, ops.cast(num_candidates, place.dtype)))
        back = stable_argsort(ops.concatenate(places))[:num_candidates]
        return Encoded(
            take(ops.concatenate([part.vectors for part in parts]), back),
            take(ops.concatenate([part.evidence for part in parts]), back),
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoders[0]),
            "num_themes": self.num_themes,
            "own_weights": self.own_weights,
        }

    @classmethod
    def from_config(cls, config: dict) -> "ThemeExperts":
        return cls(**{**config, "encoder": keras.saving.deserialize_keras_object(config["encoder"])})
