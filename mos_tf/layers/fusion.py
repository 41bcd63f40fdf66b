"""`Fusion`: weighs what the experts say of a candidate."""

from typing import Any

import keras
from keras import ops

from mos_tf.encoders.base import Shape


@keras.saving.register_keras_serializable("mos_tf")
class Fusion(keras.layers.Layer):
    """Mixes expert vectors by a gate that sees the candidate, every expert and the affinity.

        g = softmax(MLP([v_c, h_1 .. h_E, φ_c]))        u_c = Σ_e g_e h_e

    Args:
        hidden_units: width of the gate's hidden layer.

    Call arguments:
        candidates: [M, dim].
        experts: [M, E, dim].
        affinity: [M, features], or None.

    Returns:
        (u, g): [M, dim] and [M, E], the gates summing to one.
    """

    def __init__(self, hidden_units: int = 32, **kwargs: Any):
        super().__init__(**kwargs)
        self.hidden_units = hidden_units

    def build(self, candidates_shape: Shape, experts_shape: Shape, affinity_shape: Shape | None = None) -> None:
        num_experts, dim = experts_shape[-2:]
        width = candidates_shape[-1] + num_experts * dim + (0 if affinity_shape is None else affinity_shape[-1])
        self.hidden = keras.layers.Dense(self.hidden_units, "silu", name="hidden", dtype=self.dtype_policy)
        self.hidden.build((None, width))
        # A zero start: every expert weighs the same until the gate has learned better.
        self.gate = keras.layers.Dense(
            num_experts, kernel_initializer="zeros", activation="softmax", name="gate", dtype="float32"
        )
        self.gate.build((None, self.hidden_units))
        self.built = True

    def call(self, candidates: Any, experts: Any, affinity: Any = None) -> tuple[Any, Any]:
        num_experts, dim = experts.shape[-2:]
        flat = ops.reshape(experts, (-1, num_experts * dim))
        inputs = [candidates, flat] if affinity is None else [candidates, flat, ops.cast(affinity, flat.dtype)]
        gates = self.gate(self.hidden(ops.concatenate(inputs, axis=-1)))
        mixed = ops.sum(experts * ops.cast(gates, experts.dtype)[..., None], axis=-2)
        return mixed, gates

    def get_config(self) -> dict:
        return {**super().get_config(), "hidden_units": self.hidden_units}
