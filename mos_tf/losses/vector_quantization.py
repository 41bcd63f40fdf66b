"""Losses that draw routing embeddings and their codebook vectors together."""

from typing import Any

from keras import ops


def codebook_loss(embeddings: Any, codes: Any) -> Any:
    """Returns how far codebook vectors are from the embeddings that chose them, float32 scalar.

        mean over n of |sg[r_n] − w_{z_n}|²        sg: no gradient

    Moves the codebook alone. Without embeddings, 0.

    Args:
        embeddings: r, float [N, m].
        codes: float [N, m], the chosen vector w_{z_n} of each (`ops.take(codebook, z, axis=0)`).

    References:
        van den Oord et al., "Neural Discrete Representation Learning", NeurIPS 2017, equation 3.

    Example:

    >>> float(codebook_loss([[0.0, 0.0]], [[3.0, 4.0]]))
    25.0
    """
    return _mean_squared_distance(ops.stop_gradient(ops.convert_to_tensor(embeddings)), codes)


def commitment_loss(embeddings: Any, codes: Any) -> Any:
    """Returns how far embeddings are from the codebook vectors they chose, float32 scalar.

        mean over n of |r_n − sg[w_{z_n}]|²

    The same number as `codebook_loss`, but it moves the embeddings alone, so that they do not outgrow the codebook.

    Args:
        embeddings: r, float [N, m].
        codes: float [N, m], the chosen vector w_{z_n} of each.

    References:
        van den Oord et al., "Neural Discrete Representation Learning", NeurIPS 2017, equation 3.

    Example:

    >>> float(commitment_loss([[0.0, 0.0]], [[3.0, 4.0]]))
    25.0
    """
    return _mean_squared_distance(embeddings, ops.stop_gradient(ops.convert_to_tensor(codes)))


def vq_loss(embeddings: Any, codes: Any, beta: float = 0.25) -> Any:
    """Returns codebook loss plus commitment loss, float32 scalar.

        L_vq = |sg[r] − w_z|² + β |r − sg[w_z]|²        mean over the embeddings

    Args:
        embeddings: r, float [N, m].
        codes: float [N, m], the chosen vector w_{z_n} of each.
        beta: β, how much the embeddings are held back; the source found 0.1 to 2.0 to make no difference.

    Example:

    >>> float(vq_loss([[0.0, 0.0]], [[3.0, 4.0]]))
    31.25
    """
    return codebook_loss(embeddings, codes) + beta * commitment_loss(embeddings, codes)


def _mean_squared_distance(embeddings: Any, codes: Any) -> Any:
    """Mean over N of the squared distance, in float32: squares of a half-precision 300 would overflow."""
    difference = ops.cast(embeddings, "float32") - ops.cast(codes, "float32")
    return ops.divide_no_nan(ops.sum(ops.square(difference)), ops.cast(ops.shape(difference)[0], "float32"))
