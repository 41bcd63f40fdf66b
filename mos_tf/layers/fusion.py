"""`Fusion`: makes one vector of what the experts say of a candidate."""

from typing import Any, Literal

import keras
from keras import ops

from mos_tf.encoders.base import Shape

Combination = Literal["gate", "concatenation", "mean"]


@keras.saving.register_keras_serializable("mos_tf")
class Fusion(keras.layers.Layer):
    """Combines expert vectors.

        gate            g = softmax(MLP([v_c, h_1 .. h_E, φ_c]))        u_c = Σ_e g_e h_e
        concatenation   u_c = W [h_1 .. h_E] + b
        mean            u_c = Σ_e h_e / E

    Args:
        combination: `"gate"`, which sees the candidate, every expert and the affinity; `"concatenation"`, of equal
            quality in this project's trials; or `"mean"`, without weights.
        hidden_units: width of the gate's hidden layer, which each candidate pays for; wider ones rank no better in
            this project's trials.

    Call arguments:
        candidates: [M, dim].
        experts: [M, E, dim].
        affinity: [M, features], or None; for the gate.

    Returns:
        (u, g): [M, dim] and float32 [M, E], the gates summing to one; even ones where nothing is gated.

    Raises:
        ValueError: another combination.

    Example:

    >>> experts = ops.array([[[1.0, 2.0], [3.0, 6.0]]])
    >>> mixed, gates = Fusion("gate")(ops.ones((1, 2)), experts)
    >>> mixed.numpy().tolist(), gates.numpy().tolist()  # even gates, until training moves them
    ([[2.0, 4.0]], [[0.5, 0.5]])
    """

    def __init__(self, combination: Combination = "gate", hidden_units: int = 4, **kwargs: Any):
        super().__init__(**kwargs)
        if combination not in ("gate", "concatenation", "mean"):
            raise ValueError(
                f"combination must be 'gate', 'concatenation' or 'mean'. Received: combination={combination!r}"
            )
        self.combination = combination
        self.hidden_units = hidden_units

    def build(self, candidates_shape: Shape, experts_shape: Shape, affinity_shape: Shape | None = None) -> None:
        num_experts, dim = experts_shape[-2:]
        if self.combination == "gate":
            width = candidates_shape[-1] + num_experts * dim + (0 if affinity_shape is None else affinity_shape[-1])
            self.hidden = keras.layers.Dense(self.hidden_units, "silu", name="hidden", dtype=self.dtype_policy)
            self.hidden.build((None, width))
            # A zero start: every expert weighs the same until the gate has learned better.
            self.gate = keras.layers.Dense(
                num_experts, kernel_initializer="zeros", activation="softmax", name="gate", dtype="float32"
            )
            self.gate.build((None, self.hidden_units))
        elif self.combination == "concatenation":
            self.projection = keras.layers.Dense(dim, name="projection", dtype=self.dtype_policy)
            self.projection.build((None, num_experts * dim))
        self.built = True

    def call(self, candidates: Any, experts: Any, affinity: Any = None) -> tuple[Any, Any]:
        num_experts, dim = experts.shape[-2:]
        flat = ops.reshape(experts, (-1, num_experts * dim))
        even = ops.full((ops.shape(experts)[0], num_experts), 1.0 / num_experts, dtype="float32")
        if self.combination == "concatenation":
            return self.projection(flat), even
        if self.combination == "mean":
            return ops.mean(experts, axis=-2), even
        inputs = [candidates, flat] if affinity is None else [candidates, flat, ops.cast(affinity, flat.dtype)]
        gates = self.gate(self.hidden(ops.concatenate(inputs, axis=-1)))
        mixed = ops.sum(experts * ops.cast(gates, experts.dtype)[..., None], axis=-2)
        return mixed, gates

    def get_config(self) -> dict:
        return {**super().get_config(), "combination": self.combination, "hidden_units": self.hidden_units}
