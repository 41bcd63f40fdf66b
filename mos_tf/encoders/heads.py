"""Linear values of attention heads, applied to what the heads have pooled and never to an event."""

from typing import Any

from keras import ops


def kernel_by_head(kernel: Any, num_heads: int) -> Any:
    """Cuts a projection's kernel into its heads' slices, [dim, H · width] → [H, dim, width]."""
    return ops.transpose(ops.reshape(kernel, (kernel.shape[0], num_heads, -1)), (1, 0, 2))


def values_of_heads(pooled: Any, kernel: Any) -> Any:
    """Projects what each head has pooled to its own slice of the values.

        Σ_t w_th V_h x_t = V_h (Σ_t w_th x_t)

    Args:
        pooled: float [M, H, dim], sums of events by the heads' weights.
        kernel: float [dim, output_dim], the projection V of all heads.

    Returns:
        [M, output_dim].
    """
    num_heads = pooled.shape[1]
    slices = ops.matmul(ops.transpose(pooled, (1, 0, 2)), kernel_by_head(kernel, num_heads))
    return ops.reshape(ops.transpose(slices, (1, 0, 2)), (-1, kernel.shape[1]))


def over_slices(weights: Any, output_dim: int) -> Any:
    """Repeats each head's number over its slice of the values, [M, H] → [M, output_dim]."""
    return ops.repeat(weights, output_dim // weights.shape[1], axis=1)
