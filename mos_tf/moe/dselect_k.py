"""`DSelectK`: a smooth gate that training itself makes sparse."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mos_tf.encoders.base import SequenceEncoder, Shape
from mos_tf.moe.gate import Gate, mean_of_valid
from mos_tf.moe.mixture import MixtureOfExperts


@keras.saving.register_keras_serializable("mos_tf")
class DSelectK(MixtureOfExperts):
    """DSelect-k's gate: k selectors, each of which writes the number of one expert in smooth bits.

        G = Σ_i softmax(A x)_i r(Z_i x)        i = 1..k
        r(z)_e = Π_{j in bits(e)} s(z_j) · Π_{j not in bits(e)} (1 − s(z_j))        j = 1..log₂ E
        s(t) = 0 for t ≤ −γ/2, 1 for t ≥ γ/2, −2 t³/γ³ + 3 t/(2 γ) + 1/2 between        A x, Z x with biases

    The shares add up to 1. All of G is differentiable, but a bit outside (−γ/2, γ/2) is exact, and a token with k
    exact selectors goes to k experts or fewer (two may name the same one). Training starts with all bits undecided,
    hence with every token in all E experts, at E times the cost of one; what makes it sparse is

        L_entropy = entropy_weight · mean_s Σ_i h(r(Z_i x_s))        h = entropy in nats

    added by `add_loss`. Experts of share 0 are never computed, in training as at inference, so the cost falls as the
    bits are decided (`<name>_per_token` shows it); nothing guarantees k before they are. There is no capacity.

    Args:
        encoder: any `SequenceEncoder`; the experts are made with its configuration.
        num_experts: E, a power of two.
        dispatch: "request" or "event", see `MixtureOfExperts`.
        num_selectors: k, 2 or more.
        gamma: γ, width of the smooth step.
        entropy_weight: of the entropy loss; the larger, the sooner sparse.

    Raises:
        ValueError: another dispatch, fewer than 2 selectors, or a number of experts that is not a power of two from 2.

    References:
        Hazimeh et al., "DSelect-k: Differentiable Selection in the Mixture of Experts with Applications to Multi-Task
        Learning", NeurIPS 2021.

    Example:

    >>> import tensorflow as tf
    >>> from mos_tf.encoders import DIN
    >>> history = tf.RaggedTensor.from_row_lengths(tf.random.normal([5, 8]), [5, 0])
    >>> DSelectK(DIN(), num_experts=4)(history, tf.random.normal([2, 8])).shape
    TensorShape([2, 8])
    """

    def __init__(
        self,
        encoder: SequenceEncoder,
        num_experts: int = 8,
        dispatch: str = "request",
        num_selectors: int = 2,
        gamma: float = 1.0,
        entropy_weight: float = 0.01,
        **kwargs: Any,
    ):
        if num_experts & (num_experts - 1):
            raise ValueError(
                "DSelectK writes the number of an expert in bits, so num_experts must be a power of two. "
                f"Received: num_experts={num_experts}"
            )
        if num_selectors < 2:
            raise ValueError(f"DSelectK weighs 2 selectors or more. Received: num_selectors={num_selectors}")
        super().__init__(encoder, num_experts, dispatch, **kwargs)
        self.num_selectors = num_selectors
        self.gamma = gamma
        self.entropy_weight = entropy_weight

    def make_gate(self) -> Gate:
        return SelectorGate(
            self.num_experts, self.num_selectors, self.gamma, self.entropy_weight, load_name=self.name, name="gate"
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_selectors": self.num_selectors,
            "gamma": self.gamma,
            "entropy_weight": self.entropy_weight,
        }


class SelectorGate(Gate):
    """DSelect-k's gate; the equations are in `DSelectK`."""

    def __init__(self, num_experts: int, num_selectors: int, gamma: float, entropy_weight: float, **kwargs: Any):
        super().__init__(num_experts, **kwargs)
        self.num_selectors = num_selectors
        self.gamma = gamma
        self.entropy_weight = entropy_weight
        self.num_bits = num_experts.bit_length() - 1

    def build(self, tokens_shape: Shape) -> None:
        dim = tokens_shape[-1]
        # Close to 0, where every bit is undecided and the step steepest.
        small = keras.initializers.RandomUniform(-self.gamma / 100.0, self.gamma / 100.0)
        self.weigh = self._dense(self.num_selectors, dim, "weigh")
        self.select = self._dense(
            self.num_selectors * self.num_bits, dim, "select", kernel_initializer=small, bias_initializer=small
        )
        self.built = True

    def route(self, tokens: Any, valid: Any, training: bool) -> Any:
        selected = self._selectors(tokens)
        entropy = -ops.sum(selected * ops.log(ops.maximum(selected, 1e-12)), axis=(1, 2))
        self.add_loss(self.entropy_weight * mean_of_valid(entropy, valid))
        return ops.sum(ops.softmax(self.weigh(tokens))[..., None] * selected, axis=1)

    def _selectors(self, tokens: Any) -> Any:
        """Returns r of every selector, float32 [S, k, E]."""
        logits = ops.reshape(self.select(tokens), (-1, self.num_selectors, 1, self.num_bits))
        ones = smooth_step(logits, self.gamma)
        bits = (np.arange(self.num_experts)[:, None] >> np.arange(self.num_bits)) & 1
        return ops.prod(ops.where(ops.convert_to_tensor(bits == 1), ones, 1.0 - ones), axis=-1)


def smooth_step(t: Any, gamma: float) -> Any:
    """Returns a step from exactly 0 to exactly 1 over [−γ/2, γ/2], once differentiable everywhere."""
    inside = ops.clip(t, -gamma / 2.0, gamma / 2.0)
    cubic = -2.0 / gamma**3 * inside**3 + 1.5 / gamma * inside + 0.5
    return ops.where(t <= -gamma / 2.0, 0.0, ops.where(t >= gamma / 2.0, 1.0, cubic))
