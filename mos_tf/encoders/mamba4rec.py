"""`Mamba4Rec`: a selective state space reads the history once, for all candidates alike."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mos_tf.encoders.arguments import positive
from mos_tf.encoders.base import Encoded, SequenceEncoder, Shape
from mos_tf.ragged import TILE, Rows, Tiles, row_lengths, tile_rows
from mos_tf.ragged.backend import count, segment_sum, take
from mos_tf.ragged.scan import final_states, selective_scan, tile_before


@keras.saving.register_keras_serializable("mos_tf")
class Mamba4Rec(SequenceEncoder):
    """Mamba for recommendation: what the last event of a row leaves behind in a stack of selective state spaces.

    Each layer, over the events x of one row (conv reads `conv_width` events, none from before the row):

        u   = SiLU(conv(W_in x))            Δ_t = softplus(W_Δ u_t + b)        A = −exp(a)
        h_t = exp(Δ_t A) h_{t−1} + Δ_t B_t u_t        y_t = C_t · h_t + D u_t        B_t, C_t = W_B u_t, W_C u_t
        m   = LayerNorm(W_out (y ⊙ SiLU(W_z x)) + x)
        x'  = LayerNorm(W_2 GELU(W_1 m) + m)

    The result is x' at the row's last event, so the last layer computes only the final state, and its gate, its
    output and its feed-forward network once a row. It is blind to the candidate: all candidates of a row get the same
    vector, 500 for the cost of one, and it is the model's head that meets it with the candidate. An empty row gives a
    learned vector. Time is linear in the number of events. The state is computed in float32 under every dtype policy.

    Two choices where the paper's code varies: the residual connection stays also with a single layer, and there is no
    dropout.

    Args:
        num_layers: Mamba layers, each with its feed-forward network.
        state_dim: width of the state of each inner channel; Mamba takes 16, Mamba4Rec 32.
        expand: inner channels, as a multiple of the history's width.
        conv_width: events that the convolution reads, at most 33.
        output_dim: width of the result; default the history's. Another width is one linear map away.

    Raises:
        ValueError: a convolution that reads none, or further back than a tile.

    References:
        Liu et al., "Mamba4Rec: Towards Efficient Sequential Recommendation with Selective State Space Models", 2024.
        Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023.

    Example:

    >>> import tensorflow as tf
    >>> history = tf.RaggedTensor.from_row_lengths(tf.random.normal([5, 8]), [5, 0])
    >>> Mamba4Rec()(history, tf.random.normal([2, 8])).shape
    TensorShape([2, 8])
    """

    def __init__(
        self,
        num_layers: int = 1,
        state_dim: int = 16,
        expand: int = 2,
        conv_width: int = 4,
        output_dim: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(output_dim=output_dim, **kwargs)
        positive(self, num_layers=num_layers, state_dim=state_dim, expand=expand, output_dim=output_dim)
        if not 1 <= conv_width <= TILE + 1:
            raise ValueError(f"Mamba4Rec's convolution reads 1 to {TILE + 1} events. Received: conv_width={conv_width}")
        self.num_layers = num_layers
        self.state_dim = state_dim
        self.expand = expand
        self.conv_width = conv_width

    def build(self, history_shape: Shape, candidates_shape: Shape) -> None:
        super().build(history_shape, candidates_shape)
        dim = history_shape[-1]
        self.norm = _norm(dim, "norm", self.dtype_policy)
        self.layers = [
            _MambaLayer(self.state_dim, self.expand * dim, self.conv_width, name=f"layer_{i}", dtype=self.dtype_policy)
            for i in range(self.num_layers)
        ]
        for layer in self.layers:
            layer.build((None, None, dim))
        self.projection = None
        if self.output_dim != dim:
            self.projection = _dense(self.output_dim, dim, "projection", self.dtype_policy)
        self.null_value = self.add_weight(shape=(self.output_dim,), initializer="zeros", name="null_value")

    def encode(self, history: Rows, candidates: Any, candidate_rows: Any = None, time: Any = None) -> Encoded:
        tiles = tile_rows(history)
        events = self.norm(tiles.cut(history.values))
        for layer in self.layers[:-1]:
            events = layer(events, tiles)
        vectors = self.layers[-1](events, tiles, last_only=True)
        if self.projection is not None:
            vectors = self.projection(vectors)
        null_value = ops.cast(self.null_value, vectors.dtype)
        vectors = ops.where((row_lengths(history.splits) > 0)[:, None], vectors, null_value)
        if candidate_rows is not None:
            vectors = take(vectors, candidate_rows)
        return Encoded(vectors, ops.zeros((count(candidates), 0), dtype=vectors.dtype))

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_layers": self.num_layers,
            "state_dim": self.state_dim,
            "expand": self.expand,
            "conv_width": self.conv_width,
        }


@keras.saving.register_keras_serializable("mos_tf")
class _MambaLayer(keras.layers.Layer):
    """One Mamba block and its feed-forward network, each with a residual connection and layer normalisation.

    Call arguments:
        events: [B, T, dim], in tiles.
        tiles: the rows.
        last_only: answer for each row's last event only, [R, dim], whatever for an empty row.
    """

    def __init__(self, state_dim: int, inner_dim: int, conv_width: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.state_dim = state_dim
        self.inner_dim = inner_dim
        self.conv_width = conv_width

    def build(self, events_shape: Shape) -> None:
        dim, inner = events_shape[-1], self.inner_dim
        rank = -(-dim // 16)  # Δ is a map of low rank, as in Mamba
        self.in_projection = _dense(inner, dim, "in_projection", self.dtype_policy, use_bias=False)
        self.gate = _dense(inner, dim, "gate", self.dtype_policy, use_bias=False)
        self.conv_kernel = self.add_weight(
            shape=(self.conv_width, inner),
            initializer=keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform"),
            name="conv_kernel",
        )
        self.conv_bias = self.add_weight(shape=(inner,), initializer="zeros", name="conv_bias")
        self.step_rank = _dense(rank, inner, "step_rank", self.dtype_policy, use_bias=False)
        self.step = _dense(inner, rank, "step", self.dtype_policy, use_bias=False)
        self.step_bias = self.add_weight(shape=(inner,), initializer=_steps, name="step_bias", autocast=False)
        self.write = _dense(self.state_dim, inner, "write", self.dtype_policy, use_bias=False)
        self.read = _dense(self.state_dim, inner, "read", self.dtype_policy, use_bias=False)
        self.log_decay = self.add_weight(
            shape=(self.state_dim, inner), initializer=_log_decays, name="log_decay", autocast=False
        )
        self.skip = self.add_weight(shape=(inner,), initializer="ones", name="skip", autocast=False)
        self.out_projection = _dense(dim, inner, "out_projection", self.dtype_policy, use_bias=False)
        self.norm = _norm(dim, "norm", self.dtype_policy)
        self.widen = _dense(4 * dim, dim, "widen", self.dtype_policy)
        self.narrow = _dense(dim, 4 * dim, "narrow", self.dtype_policy)
        self.feed_forward_norm = _norm(dim, "feed_forward_norm", self.dtype_policy)
        self.built = True

    def call(self, events: Any, tiles: Tiles, last_only: bool = False) -> Any:
        inner = ops.silu(self._convolve(self.in_projection(events), tiles))
        # The state in float32: in half precision a small Δ A is lost next to 1, and with it all long memory.
        step = ops.cast(self.step(self.step_rank(inner)), "float32")
        delta = ops.softplus(step + self.step_bias)
        decay = -ops.exp(ops.convert_to_tensor(self.log_decay))
        inputs, write = ops.cast(inner, "float32"), ops.cast(self.write(inner), "float32")
        if last_only:
            states = final_states(tiles, inputs, delta, decay, write)
            events, inner = _last(events, tiles), _last(inner, tiles)
            outputs = ops.matmul(ops.cast(self.read(inner), "float32")[:, None], states)[:, 0]
        else:
            outputs = selective_scan(tiles, inputs, delta, decay, write, ops.cast(self.read(inner), "float32"))
        outputs += self.skip * ops.cast(inner, "float32")
        outputs = ops.cast(outputs, events.dtype) * ops.silu(self.gate(events))
        mixed = self.norm(self.out_projection(outputs) + events)
        return self.feed_forward_norm(self.narrow(ops.gelu(self.widen(mixed), approximate=False)) + mixed)

    def _convolve(self, inputs: Any, tiles: Tiles) -> Any:
        """Causal depthwise convolution: what a tile lacks at its start is the end of the tile before."""
        reach = self.conv_width - 1
        inputs = ops.concatenate([tile_before(tiles, inputs[:, TILE - reach :]), inputs], axis=1)
        windows = (self.conv_kernel[k] * inputs[:, k : k + TILE] for k in range(self.conv_width))
        return sum(windows, start=self.conv_bias)


def _last(tiled: Any, tiles: Tiles) -> Any:
    """Takes each row's last event, [B, T, d] → [R, d], 0 for an empty row; a sum, for its gradient scatters nothing."""
    chosen = ops.cast(tiles.valid & (tiles.rank == 0), tiled.dtype)
    return segment_sum(ops.matmul(chosen[:, None], tiled)[:, 0], tiles.row, count(tiles.splits) - 1)


def _steps(shape: Shape, dtype: Any = None) -> Any:
    """Biases from which Δ starts evenly in its logarithm from 0.001 to 0.1, Mamba's range: softplus(b) = Δ."""
    return ops.convert_to_tensor(np.log(np.expm1(np.geomspace(0.001, 0.1, *shape))), dtype=dtype)


def _log_decays(shape: Shape, dtype: Any = None) -> Any:
    """A starts at −1, −2, ... −state in every channel, Mamba's S4D-Real."""
    state_dim, inner = shape
    return ops.convert_to_tensor(np.tile(np.log(np.arange(1, state_dim + 1))[:, None], (1, inner)), dtype=dtype)


def _dense(units: int, input_dim: int, name: str, dtype: Any, use_bias: bool = True) -> keras.layers.Dense:
    layer = keras.layers.Dense(units, use_bias=use_bias, name=name, dtype=dtype)
    layer.build((None, input_dim))
    return layer


def _norm(dim: int, name: str, dtype: Any) -> keras.layers.LayerNormalization:
    layer = keras.layers.LayerNormalization(epsilon=1e-6, name=name, dtype=dtype)
    layer.build((None, dim))
    return layer
