"""`ExpertLoad`: how evenly tokens spread over experts, and how many experts each costs."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("mos_tf")
class ExpertLoad(keras.metrics.Metric):
    """Counts dispatched tokens by expert.

    `result()` gives the `entropy` of the load in nats (log E when even), the `max_share` of the fullest expert, the
    number of `unused` experts and `per_token`, the mean number of experts that a token was dispatched to: what the
    mixture costs, in encoders. Before the first token nothing is known, and all are NaN. `shares()` gives the load
    itself.

    Args:
        num_experts: E.

    Example:

    >>> metric = ExpertLoad(num_experts=2)
    >>> metric.update_state([[True, True], [True, False]], tokens=2)
    >>> {name: round(float(value), 2) for name, value in metric.result().items()}
    {'expert_entropy': 0.64, 'expert_max_share': 0.67, 'expert_unused': 0.0, 'expert_per_token': 1.5}
    """

    def __init__(self, num_experts: int, name: str = "expert", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.num_experts = num_experts
        self.counts = self.add_variable(shape=(num_experts,), initializer="zeros", name="counts")
        self.tokens = self.add_variable(shape=(), initializer="zeros", name="tokens")

    def update_state(self, dispatched: Any, tokens: Any) -> None:
        """Adds tokens.

        Args:
            dispatched: bool [S, E], the experts that each token goes to.
            tokens: how many of the S there are to dispatch.
        """
        self.counts.assign_add(ops.sum(ops.cast(dispatched, self.counts.dtype), axis=0))
        self.tokens.assign_add(ops.cast(tokens, self.tokens.dtype))

    def shares(self) -> Any:
        """Returns float [E], each expert's share of the load; zeros before the first token."""
        return self.counts / ops.maximum(ops.sum(self.counts), 1.0)

    def result(self) -> dict:
        shares = self.shares()
        results = {
            "entropy": -ops.sum(shares * ops.log(ops.maximum(shares, 1e-12))),
            "max_share": ops.max(shares),
            "unused": ops.sum(ops.cast(ops.equal(self.counts, 0), "float32")),
            "per_token": ops.sum(self.counts) / ops.maximum(self.tokens, 1.0),
        }
        known = ops.where(ops.greater(self.tokens, 0), 0.0, float("nan"))
        return {f"{self.name}_{name}": value + known for name, value in results.items()}

    def get_config(self) -> dict:
        return {**super().get_config(), "num_experts": self.num_experts}
