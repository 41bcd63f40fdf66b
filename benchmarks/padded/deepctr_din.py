"""DIN as DeepCTR writes it in Keras: histories padded to one length, an activation unit on every slot."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops


class DeepCTRDIN(keras.layers.Layer):
    """Pools a padded history by the scores of an activation unit.

        a_t = MLP([v, x_t, v − x_t, v ⊙ x_t])        h = Σ_t a_t x_t        a_t = 0 where there is no event

    As there, the candidate is repeated for every slot, the four parts are laid side by side, the units are Dice, and
    weights are not normalised.

    Args:
        hidden_units: widths of the activation unit's hidden layers.

    Call arguments:
        history: float [batch, longest, dim].
        valid: bool [batch, longest], true where there is an event.
        candidates: float [batch, dim].

    Returns:
        [batch, dim].

    References:
        Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", KDD 2018.
        DeepCTR, https://github.com/shenweichen/DeepCTR, `AttentionSequencePoolingLayer`.
    """

    def __init__(self, hidden_units: Sequence[int] = (80, 40), **kwargs: Any):
        super().__init__(**kwargs)
        self.hidden = [keras.layers.Dense(units) for units in hidden_units]
        self.activations = [Dice() for _ in hidden_units]
        self.score = keras.layers.Dense(1)

    def call(self, history: Any, valid: Any, candidates: Any, training: bool = False) -> Any:
        repeated = ops.repeat(candidates[:, None], ops.shape(history)[1], axis=1)
        unit = ops.concatenate([repeated, history, repeated - history, repeated * history], axis=-1)
        for dense, activation in zip(self.hidden, self.activations, strict=True):
            unit = activation(dense(unit), training=training)
        weights = ops.where(valid[..., None], self.score(unit), 0.0)
        return ops.matmul(ops.transpose(weights, (0, 2, 1)), history)[:, 0]


class Dice(keras.layers.Layer):
    """DIN's activation: p x + (1 − p) α x with p = sigmoid((x − mean) / deviation), α learned per unit."""

    def build(self, shape: Any) -> None:
        self.normalise = keras.layers.BatchNormalization(center=False, scale=False, epsilon=1e-9)
        self.normalise.build(shape)
        self.alpha = self.add_weight(shape=(shape[-1],), initializer="zeros", name="alpha")

    def call(self, x: Any, training: bool = False) -> Any:
        share = ops.sigmoid(self.normalise(x, training=training))
        return share * x + (1.0 - share) * self.alpha * x
