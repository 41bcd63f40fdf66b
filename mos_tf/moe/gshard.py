"""`GShard`: the best two experts for each token, as far as they have room."""

from typing import Any

import keras
from keras import ops

from mos_tf.encoders.base import SequenceEncoder, Shape
from mos_tf.moe.gate import Gate, mean_of_valid
from mos_tf.moe.mixture import MixtureOfExperts


@keras.saving.register_keras_serializable("mos_tf")
class GShard(MixtureOfExperts):
    """GShard's top-2 gating with capacity and a balance loss.

        p = softmax(W x)        e₁, e₂ = the two largest        g₁ = p₁ / (p₁ + p₂), g₂ = p₂ / (p₁ + p₂)
        C = ⌈capacity_factor · 2 S / E⌉        S = tokens of the batch

    Every token's first choice is served before any second one, both in the batch's order; an expert that has C tokens
    takes no more, and the share of what overflows goes to the null vector (to a residual connection in the paper). So
    does the second share where it is not dispatched: in training it is with probability 2 g₂ only, since a small
    share is hardly worth an expert; at inference always. A second choice drawn away takes no place.

    Where an expert overflows, an answer depends on the batch it is in and on its order; a request alone never
    overflows when requests are dispatched.

        L_balance = balance_weight · E Σ_e (c_e / S) m_e        c_e = first choices of e, m_e = mean_s p_se

    is added by `add_loss`: 1 times its weight when even, up to E when one expert gets all. (The paper's is 1/E²
    of it, to be weighed accordingly.)

    Args:
        encoder: any `SequenceEncoder`; the experts are made with its configuration.
        num_experts: E.
        dispatch: "request" or "event", see `MixtureOfExperts`.
        capacity_factor: room for tokens, 1 if they spread evenly.
        balance_weight: of the balance loss.

    Raises:
        ValueError: another dispatch, fewer than 2 experts, or a capacity factor that leaves no room.

    References:
        Lepikhin et al., "GShard: Scaling Giant Models with Conditional Computation and Automatic Sharding", ICLR 2021,
        algorithm 1.

    Example:

    >>> import tensorflow as tf
    >>> from mos_tf.encoders import DIN
    >>> history = tf.RaggedTensor.from_row_lengths(tf.random.normal([5, 8]), [5, 0])
    >>> GShard(DIN(), num_experts=4)(history, tf.random.normal([2, 8])).shape
    TensorShape([2, 8])
    """

    def __init__(
        self,
        encoder: SequenceEncoder,
        num_experts: int = 8,
        dispatch: str = "request",
        capacity_factor: float = 1.25,
        balance_weight: float = 0.01,
        **kwargs: Any,
    ):
        if capacity_factor <= 0:
            raise ValueError(f"capacity_factor must be above 0. Received: capacity_factor={capacity_factor}")
        super().__init__(encoder, num_experts, dispatch, **kwargs)
        self.capacity_factor = capacity_factor
        self.balance_weight = balance_weight

    def make_gate(self) -> Gate:
        return Top2Gate(self.num_experts, self.capacity_factor, self.balance_weight, load_name=self.name, name="gate")

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "capacity_factor": self.capacity_factor,
            "balance_weight": self.balance_weight,
        }


class Top2Gate(Gate):
    """GShard's gate; the equations are in `GShard`."""

    def __init__(self, num_experts: int, capacity_factor: float, balance_weight: float, **kwargs: Any):
        super().__init__(num_experts, **kwargs)
        self.capacity_factor = capacity_factor
        self.balance_weight = balance_weight
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, tokens_shape: Shape) -> None:
        self.logits = self._dense(self.num_experts, tokens_shape[-1], "logits", use_bias=False)
        self.built = True

    def route(self, tokens: Any, valid: Any, training: bool) -> Any:
        probabilities = ops.softmax(self.logits(tokens))
        best, chosen = ops.top_k(probabilities, 2)
        share = best / ops.sum(best, axis=1, keepdims=True)
        wants_second = valid
        if training:
            draw = keras.random.uniform(ops.shape(tokens)[:1], seed=self.seed_generator)
            wants_second = valid & (draw < 2.0 * share[:, 1])
        first, second = self._one_hot(chosen[:, 0], valid), self._one_hot(chosen[:, 1], wants_second)
        self.add_loss(self.balance_weight * self._imbalance(probabilities, first, valid))
        capacity = ops.ceil(self.capacity_factor * 2.0 / self.num_experts * ops.sum(ops.cast(valid, "float32")))
        # Counted as integers: float32 cannot tell 2^24 events from one more.
        first_place, second_place = _places(first), _places(second) + ops.sum(first, axis=0)
        kept = [
            ops.cast(asked, "float32") * ops.cast(place <= ops.cast(capacity, place.dtype), "float32")
            for asked, place in ((first, first_place), (second, second_place))
        ]
        return kept[0] * share[:, :1] + kept[1] * share[:, 1:]

    def _one_hot(self, chosen: Any, asked: Any) -> Any:
        """Returns int32 [S, E], 1 where a token asks for an expert."""
        return ops.one_hot(chosen, self.num_experts, dtype="int32") * ops.cast(asked, "int32")[:, None]

    def _imbalance(self, probabilities: Any, first: Any, valid: Any) -> Any:
        mean, share = (mean_of_valid(ops.cast(values, "float32"), valid) for values in (probabilities, first))
        return self.num_experts * ops.sum(mean * share)


def _places(asked: Any) -> Any:
    """Returns the place of each token in the queue of each expert, int32 [S, E], 1 for the first to ask."""
    return ops.cumsum(asked, axis=0)
