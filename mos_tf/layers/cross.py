"""`Cross`: feature crosses of any order, one layer an order (DCN-v2)."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("mos_tf")
class Cross(keras.layers.Layer):
    """Multiplies what it is given with the first layer's input, entry by entry, and adds it to itself.

        x_{l+1} = x_0 ⊙ (W x_l + b) + x_l        W = U V where `projection_dim` is given: 2 · dim · r weights, not dim²

    A stack of l such layers holds products of up to l + 1 entries of x_0. W starts near zero, so that a new layer
    starts near the identity.

    Args:
        projection_dim: r, rank of W; default full.

    Call arguments:
        x0: float [..., dim], what the first layer of the stack was given.
        x: float [..., dim], what the layer before gave; default x0 (the first layer).

    Returns:
        float [..., dim].

    Raises:
        ValueError: x0 and x of different widths, or a projection not narrower than they are.

    References:
        Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale Learning to Rank
        Systems", WWW 2021.

    Example:

    >>> import numpy as np
    >>> layer = Cross(kernel_initializer="ones")
    >>> [float(value) for value in layer(np.array([[1.0, 2.0]]))[0]]  # (1, 2) ⊙ (1 + 2) + (1, 2)
    [4.0, 8.0]
    """

    def __init__(self, projection_dim: int | None = None, kernel_initializer: Any = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.projection_dim = projection_dim
        self.kernel_initializer = keras.initializers.get(
            kernel_initializer or keras.initializers.RandomNormal(0.0, 0.01)
        )

    def build(self, x0_shape: tuple[int | None, ...], x_shape: tuple[int | None, ...] | None = None) -> None:
        dim: Any = x0_shape[-1]
        if x_shape is not None and x_shape[-1] != dim:
            raise ValueError(f"a cross needs two inputs of one width. Received: x0 {x0_shape}, x {x_shape}")
        if self.projection_dim is not None and not 0 < self.projection_dim < dim:
            raise ValueError(
                f"a projection is narrower than the input of width {dim}. "
                f"Received: projection_dim={self.projection_dim}; leave it out for a full matrix"
            )
        self.down = None
        if self.projection_dim is not None:
            self.down = self._dense(self.projection_dim, "down", use_bias=False, kernel_initializer="glorot_uniform")
            self.down.build((None, dim))
        self.weigh = self._dense(dim, "weigh", kernel_initializer=self.kernel_initializer)
        self.weigh.build((None, self.projection_dim or dim))
        self.built = True

    def _dense(self, units: int, name: str, **kwargs: Any) -> keras.layers.Dense:
        return keras.layers.Dense(units, name=name, dtype=self.dtype_policy, **kwargs)

    def call(self, x0: Any, x: Any = None) -> Any:
        x = x0 if x is None else x
        return x0 * self.weigh(x if self.down is None else self.down(x)) + x

    def compute_output_shape(self, x0_shape: tuple, x_shape: tuple | None = None) -> tuple:
        return x0_shape

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "projection_dim": self.projection_dim,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
