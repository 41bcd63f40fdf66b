"""`ExpertChoice`: every expert takes the tokens it wants most, so the load is even by construction."""

from typing import Any

import keras
from keras import ops

from mos_tf.encoders.base import SequenceEncoder, Shape
from mos_tf.moe.gate import Gate
from mos_tf.moe.mixture import MixtureOfExperts


@keras.saving.register_keras_serializable("mos_tf")
class ExpertChoice(MixtureOfExperts):
    """Expert Choice routing: experts choose tokens instead of tokens experts.

        P = softmax(X W)        over the E experts, for each of the S tokens of the batch
        G_se = P_se if s is among the C largest of column e, else 0        C = min(⌈capacity_factor · S / E⌉, S)

    Of equal tokens the earlier is taken. Every expert has the same load, so there is no balance loss; a token goes to
    `capacity_factor` experts on average, to all or to none in particular. Shares are not normalised, as in the paper:
    what a token gave to experts that did not choose it goes to the null vector.

    **An answer depends on the other requests of its batch**, at inference as in training: a request alone is seen by
    all E experts (C = 1 = S), among many by whichever want it most. Only the order of the batch does not matter (up
    to ties), and from `capacity_factor = num_experts` on the batch does not either. With dispatch="event" a past
    event's expert depends on later events, too.

    Args:
        encoder: any `SequenceEncoder`; the experts are made with its configuration.
        num_experts: E.
        dispatch: "request" or "event", see `MixtureOfExperts`.
        capacity_factor: mean number of experts a token.

    Raises:
        ValueError: another dispatch, fewer than 2 experts, or a capacity factor that leaves no room.

    References:
        Zhou et al., "Mixture-of-Experts with Expert Choice Routing", NeurIPS 2022.

    Example:

    >>> import tensorflow as tf
    >>> from mos_tf.encoders import DIN
    >>> history = tf.RaggedTensor.from_row_lengths(tf.random.normal([5, 8]), [5, 0])
    >>> ExpertChoice(DIN(), num_experts=4)(history, tf.random.normal([2, 8])).shape
    TensorShape([2, 8])
    """

    def __init__(
        self,
        encoder: SequenceEncoder,
        num_experts: int = 8,
        dispatch: str = "request",
        capacity_factor: float = 2.0,
        **kwargs: Any,
    ):
        if capacity_factor <= 0:
            raise ValueError(f"capacity_factor must be above 0. Received: capacity_factor={capacity_factor}")
        super().__init__(encoder, num_experts, dispatch, **kwargs)
        self.capacity_factor = capacity_factor

    def make_gate(self) -> Gate:
        return ChoosingGate(self.num_experts, self.capacity_factor, load_name=self.name, name="gate")

    def get_config(self) -> dict:
        return {**super().get_config(), "capacity_factor": self.capacity_factor}


class ChoosingGate(Gate):
    """Expert Choice's gate; the equations are in `ExpertChoice`."""

    def __init__(self, num_experts: int, capacity_factor: float, **kwargs: Any):
        super().__init__(num_experts, **kwargs)
        self.capacity_factor = capacity_factor

    def build(self, tokens_shape: Shape) -> None:
        self.logits = self._dense(self.num_experts, tokens_shape[-1], "logits", use_bias=False)
        self.built = True

    def route(self, tokens: Any, valid: Any, training: bool) -> Any:
        probabilities = ops.softmax(self.logits(tokens))
        wanted = ops.where(valid[:, None], probabilities, -1.0)  # what is not valid comes behind all that is
        rank = ops.argsort(ops.argsort(-wanted, axis=0), axis=0)
        capacity = ops.ceil(self.capacity_factor / self.num_experts * ops.sum(ops.cast(valid, "float32")))
        return ops.where(rank < ops.cast(capacity, rank.dtype), probabilities, 0.0)
