"""The same mathematics as `mos_tf.MixtureOfSequence` with stock Keras layers on padded, masked tensors."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from mos_tf.layers import MixtureOfSequence


class PaddedMixture(keras.layers.Layer):
    """A mixture of three padded encoders behind a gate, for one candidate a history.

    Args:
        make_encoder: gives a padded encoder that is right for any mask, as DIN's and SDIM's are: the events of a
            theme lie anywhere in the history.
        window: events that the short-term expert sees.
        hidden_units: width of the gate's hidden layer.

    Call arguments:
        history: float [batch, longest, dim], padded behind.
        valid: bool [batch, longest], true where there is an event.
        candidates: float [batch, dim].
        themes: int [batch, longest], of the events; anything where there is none.
        candidate_themes: int [batch].

    Returns:
        [batch, dim].
    """

    def __init__(
        self,
        make_encoder: Callable[[], keras.layers.Layer],
        window: int = 50,
        hidden_units: int = 4,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.window = window
        self.global_expert, self.short_expert, self.theme_expert = (make_encoder() for _ in range(3))
        self.hidden = keras.layers.Dense(hidden_units, "silu", name="hidden")
        self.gate = keras.layers.Dense(3, "softmax", kernel_initializer="zeros", name="gate")

    def call(self, history: Any, valid: Any, candidates: Any, themes: Any, candidate_themes: Any) -> Any:
        experts = [
            self.global_expert(history, valid, candidates),
            self.short_expert(*self._recent(history, valid), candidates),
            self.theme_expert(history, valid & (themes == candidate_themes[:, None]), candidates),
        ]
        gates = self.gate(self.hidden(ops.concatenate([candidates, *experts], axis=1)))
        return ops.sum(ops.stack(experts, axis=1) * gates[..., None], axis=1)

    def _recent(self, history: Any, valid: Any) -> tuple[Any, Any]:
        """Returns the last events, [batch, window, dim], and which of them exist."""
        batch, longest = ops.shape(history)[:2]
        lengths = ops.sum(ops.cast(valid, "int32"), axis=1)[:, None]
        index = ops.maximum(lengths - self.window, 0) + ops.arange(self.window)
        exists = index < lengths
        # Whole events from the flat batch: `take_along_axis` would gather each number by an index of its own.
        index = ops.minimum(index, longest - 1) + ops.arange(batch)[:, None] * longest
        return ops.take(ops.reshape(history, (-1, history.shape[-1])), index, axis=0), exists

    def copy_weights(self, ragged: MixtureOfSequence) -> None:
        """Takes over the weights of a ragged mixture of the same configuration; both are built."""
        self.global_expert.set_weights(ragged.global_expert.get_weights())
        self.short_expert.set_weights(ragged.short_expert.encoder.get_weights())
        self.theme_expert.set_weights(ragged.theme_expert.encoders[0].get_weights())
        self.hidden.set_weights(ragged.fusion.hidden.get_weights())
        self.gate.set_weights(ragged.fusion.gate.get_weights())
