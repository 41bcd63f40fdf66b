"""`candidate_cross_entropy`: binary cross-entropy of each candidate, from logits."""

from typing import Any

from keras import ops

from mos_tf.losses.flat import flat


def candidate_cross_entropy(
    labels: Any, logits: Any, *, positive_weight: float = 1.0, sample_weight: Any = None
) -> Any:
    """Returns the mean binary cross-entropy of the candidates, float32 scalar.

        ℓ_c = a y_c softplus(−s_c) + (1 − y_c) softplus(s_c)        loss = Σ_c w_c ℓ_c / Σ_c w_c

    From logits, because the log of a probability that has rounded to 0 is −∞, and its gradient NaN.

    Args:
        labels: y, 0 or 1 [M].
        logits: s, float [M].
        positive_weight: a, what a positive counts where a negative counts 1. It stays out of the denominator, so that
            the loss of a request does not depend on the positives it shares a batch with; it shifts the predicted
            log-odds by log(a).
        sample_weight: w, float [M], not negative; default 1. Where all weights are 0, or there is no candidate, the
            loss is 0.

    Raises:
        ValueError: arrays of unequal length.

    Example:

    >>> round(float(candidate_cross_entropy([1, 0], [0.0, 0.0])), 4)  # log 2
    0.6931
    """
    if sample_weight is None:
        sample_weight = ops.ones(ops.shape(logits))
    labels, logits, weights = flat("float32", labels=labels, logits=logits, sample_weight=sample_weight)
    losses = positive_weight * labels * ops.softplus(-logits) + (1.0 - labels) * ops.softplus(logits)
    return ops.divide_no_nan(ops.sum(weights * losses), ops.sum(weights))
