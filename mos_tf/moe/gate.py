"""`Gate`: the base of what decides which expert sees which token. A new one writes one small method, `route`."""

from typing import Any

import keras
from keras import ops

from mos_tf.moe.load import ExpertLoad


class Gate(keras.layers.Layer):
    """Weighs E experts for each token: `gate(tokens, valid)`.

    It is a layer so that Keras tells it whether it trains, however deep in a model it stands. It computes in float32
    whatever the policy: with half precision the same token would go to other experts. While it trains it counts the
    `load`; at inference nothing is written, so that a server may answer many requests at once.

    Args:
        num_experts: E.
        load_name: of the metric.

    Call arguments:
        tokens: float [S, dim].
        valid: bool [S], false where there is nothing to dispatch: such a token takes no place in an expert.

    Returns:
        float32 [S, E], the share of each expert in the token's answer; 0 where the expert does not see it. A row adds
        up to 1 at most.
    """

    def __init__(self, num_experts: int, load_name: str, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)
        self.num_experts = num_experts
        self.load = ExpertLoad(num_experts, name=load_name)

    def route(self, tokens: Any, valid: Any, training: bool) -> Any:
        """Returns float32 [S, E], the shares; those of tokens that are not valid are left out afterwards."""
        raise NotImplementedError(f"{type(self).__name__} must define route(tokens, valid, training)")

    def call(self, tokens: Any, valid: Any, training: bool = False) -> Any:
        shares = ops.where(valid[:, None], self.route(tokens, valid, training), 0.0)
        if training:
            self.load.update_state(shares > 0, ops.sum(ops.cast(valid, "int32")))
        return shares

    def _dense(self, units: int, input_dim: int, name: str, **kwargs: Any) -> keras.layers.Dense:
        layer = keras.layers.Dense(units, name=name, dtype=self.dtype_policy, **kwargs)
        layer.build((None, input_dim))
        return layer


def mean_of_valid(values: Any, valid: Any) -> Any:
    """Returns the mean of values [S, ...] over the valid tokens, [...]; 0 without any."""
    weights = ops.reshape(ops.cast(valid, values.dtype), (-1, *([1] * (len(values.shape) - 1))))
    return ops.divide_no_nan(ops.sum(values * weights, axis=0), ops.sum(weights))
