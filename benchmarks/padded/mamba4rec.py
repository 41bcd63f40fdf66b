"""The same mathematics as `mos_tf.encoders.Mamba4Rec` with stock Keras layers on padded, masked tensors."""

from typing import Any

import keras
from keras import ops


class PaddedMamba4Rec(keras.layers.Layer):
    """Mamba4Rec of one candidate a history; weights have the names and order of the ragged encoder's.

    As there, the last layer computes its gate, output and feed-forward network for the last event only.

    Args:
        num_layers: Mamba layers.
        state_dim: width of the state of each inner channel.
        expand: inner channels, as a multiple of the history's width.
        conv_width: events that the convolution reads.

    Call arguments:
        history: float [batch, longest, dim].
        valid: bool [batch, longest], true where there is an event.
        candidates: float [batch, dim].

    Returns:
        [batch, dim].
    """

    def __init__(self, num_layers: int = 1, state_dim: int = 16, expand: int = 2, conv_width: int = 4, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_layers = num_layers
        self.state_dim = state_dim
        self.expand = expand
        self.conv_width = conv_width

    def build(self, history_shape: Any, valid_shape: Any, candidates_shape: Any) -> None:
        dim = history_shape[-1]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, name="norm")
        self.norm.build((None, dim))
        self.layers = [
            PaddedMambaLayer(self.state_dim, self.expand * dim, self.conv_width, name=f"layer_{i}")
            for i in range(self.num_layers)
        ]
        for layer in self.layers:
            layer.build((None, None, dim))
        self.null_value = self.add_weight(shape=(dim,), initializer="zeros", name="null_value")

    def call(self, history: Any, valid: Any, candidates: Any) -> Any:
        lengths = ops.sum(ops.cast(valid, "int32"), axis=1)
        events = self.norm(history)
        for layer in self.layers[:-1]:
            events = layer(events, valid)
        vectors = self.layers[-1](events, valid, ops.maximum(lengths - 1, 0))
        return ops.where(lengths[:, None] > 0, vectors, self.null_value)


class PaddedMambaLayer(keras.layers.Layer):
    """One Mamba block and its feed-forward network.

    Call arguments:
        events: [batch, longest, dim].
        valid: bool [batch, longest].
        last: int [batch], the event to answer for, [batch, dim]; None: all, [batch, longest, dim].
    """

    def __init__(self, state_dim: int, inner_dim: int, conv_width: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.state_dim = state_dim
        self.inner_dim = inner_dim
        self.conv_width = conv_width

    def build(self, events_shape: Any) -> None:
        dim, inner = events_shape[-1], self.inner_dim
        self.in_projection = _dense(inner, dim, "in_projection")
        self.gate = _dense(inner, dim, "gate")
        self.conv_kernel = self.add_weight(shape=(self.conv_width, inner), name="conv_kernel")
        self.conv_bias = self.add_weight(shape=(inner,), initializer="zeros", name="conv_bias")
        rank = -(-dim // 16)
        self.step_rank = _dense(rank, inner, "step_rank")
        self.step = _dense(inner, rank, "step")
        self.step_bias = self.add_weight(shape=(inner,), initializer="zeros", name="step_bias")
        self.write = _dense(self.state_dim, inner, "write")
        self.read = _dense(self.state_dim, inner, "read")
        self.log_decay = self.add_weight(shape=(self.state_dim, inner), initializer="zeros", name="log_decay")
        self.skip = self.add_weight(shape=(inner,), initializer="ones", name="skip")
        self.out_projection = _dense(dim, inner, "out_projection")
        self.norm = keras.layers.LayerNormalization(epsilon=1e-6, name="norm")
        self.widen = _dense(4 * dim, dim, "widen", use_bias=True)
        self.narrow = _dense(dim, 4 * dim, "narrow", use_bias=True)
        self.feed_forward_norm = keras.layers.LayerNormalization(epsilon=1e-6, name="feed_forward_norm")
        self.norm.build((None, dim))
        self.feed_forward_norm.build((None, dim))
        self.built = True

    def call(self, events: Any, valid: Any, last: Any = None) -> Any:
        inner = ops.silu(self._convolve(self.in_projection(events)))
        delta = ops.softplus(self.step(self.step_rank(inner)) + self.step_bias)
        delta = ops.where(valid[..., None], delta, 0.0)
        decay, write = -ops.exp(self.log_decay), self.write(inner)
        if last is None:
            states = self.states(delta * inner, delta, decay, write)
            outputs = ops.matmul(self.read(inner)[:, :, None], states)[:, :, 0]
        else:
            states = self.final_states(delta * inner, delta, decay, write)
            events, inner = (ops.take_along_axis(x, last[:, None, None], axis=1)[:, 0] for x in (events, inner))
            outputs = ops.matmul(self.read(inner)[:, None], states)[:, 0]
        outputs = (outputs + self.skip * inner) * ops.silu(self.gate(events))
        mixed = self.norm(self.out_projection(outputs) + events)
        return self.feed_forward_norm(self.narrow(ops.gelu(self.widen(mixed), approximate=False)) + mixed)

    def _convolve(self, inputs: Any) -> Any:
        longest = ops.shape(inputs)[1]
        inputs = ops.pad(inputs, [[0, 0], [self.conv_width - 1, 0], [0, 0]])
        windows = (self.conv_kernel[k] * inputs[:, k : k + longest] for k in range(self.conv_width))
        return sum(windows, start=self.conv_bias)

    def states(self, scaled: Any, delta: Any, decay: Any, write: Any) -> Any:
        """The state after every event, [batch, longest, state, inner], event by event.

        One tensor of events: on TensorFlow `keras.ops.scan` takes several only where their length is static.
        """

        def step(state: Any, event: Any) -> tuple:
            scaled, delta, write = ops.split(event, [self.inner_dim, 2 * self.inner_dim], axis=1)
            state = ops.exp(delta[:, None] * decay) * state + write[..., None] * scaled[:, None]
            return state, state

        start = ops.zeros((ops.shape(delta)[0], self.state_dim, self.inner_dim), dtype=delta.dtype)
        events = ops.transpose(ops.concatenate([scaled, delta, write], axis=2), (1, 0, 2))
        return ops.transpose(ops.scan(step, start, events)[1], (1, 0, 2, 3))

    def final_states(self, scaled: Any, delta: Any, decay: Any, write: Any) -> Any:
        """The state after the last event, [batch, state, inner]: Σ_t exp(A Σ_{s>t} Δ_s) B_t u_t.

        One component at a time: faster and leaner here than `keras.ops.scan`, an RNN layer, or all at once.
        """
        after = ops.flip(ops.cumsum(ops.flip(delta, axis=1), axis=1), axis=1) - delta
        states = [
            ops.matmul(weights[:, None], ops.exp(after * rate) * scaled)[:, 0]
            for rate, weights in zip(ops.unstack(decay), ops.unstack(write, axis=2), strict=True)
        ]
        return ops.stack(states, axis=1)


def _dense(units: int, input_dim: int, name: str, use_bias: bool = False) -> keras.layers.Dense:
    layer = keras.layers.Dense(units, use_bias=use_bias, name=name)
    layer.build((None, input_dim))
    return layer
