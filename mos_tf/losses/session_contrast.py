"""`session_contrast`: events of one session are drawn together, those of other tokens apart."""

from typing import Any

from keras import ops

_NEVER = -1e9  # a score whose exponential is 0, and finite, so that its gradient is 0 and not NaN


def session_contrast(embeddings: Any, positives: Any, tokens: Any, temperature: float = 0.15) -> Any:
    """Returns InfoNCE between neighbours inside one session, float32 scalar.

        s_ij = cos(r_i, r_j) / T        j = positives[i]
        L_i  = −log( exp(s_ij) / (exp(s_ij) + Σ_{k: a_k ∉ {a_i, a_j}} exp(s_ik)) )
        loss = mean of L_i over the events with a neighbour;    0 without any

    "Interests are stable inside a session" as a loss: this project's formulation of what keeps themes coherent. The
    negatives are the other events of the batch, but none of the anchor's or the neighbour's own token: those share
    the very embedding that is to be drawn near, and pushing them away would undo it.

    Memory is O(N²); sample some thousand events of a batch where it holds more.

    Args:
        embeddings: r, float [N, m], routing embeddings of events of several sessions; scaled to unit norm here.
        positives: int [N], index in [0, N) of a neighbour of each event in its session; −1 where it has none.
        tokens: a, int [N], the theme token of each event.
        temperature: T.

    Raises:
        ValueError: a temperature that is not positive.

    References:
        van den Oord et al., "Representation Learning with Contrastive Predictive Coding", arXiv 1807.03748, 2018.

    Example:

    >>> neighbours = dict(positives=[1, 0, 3, 2], tokens=[10, 11, 12, 13])
    >>> good = session_contrast([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], **neighbours)
    >>> bad = session_contrast([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], **neighbours)
    >>> round(float(good), 4), round(float(bad), 4)
    (0.0025, 6.6692)
    """
    if temperature <= 0:
        raise ValueError(f"temperature must be above 0. Received: temperature={temperature}; 0.15 is a good start")
    embeddings = ops.convert_to_tensor(embeddings, dtype="float32")
    positives = ops.convert_to_tensor(positives, dtype="int32")
    tokens = ops.convert_to_tensor(tokens)
    # The square root of 0 has no gradient, so that a zero vector is kept at a tiny, not at no length.
    length = ops.sqrt(ops.maximum(ops.sum(ops.square(embeddings), axis=1, keepdims=True), 1e-12))
    units = embeddings / length
    neighbour = ops.maximum(positives, 0)
    neighbour_tokens = ops.take(tokens, neighbour)
    scores = ops.matmul(units, ops.transpose(units)) / temperature
    positive = ops.sum(units * ops.take(units, neighbour, axis=0), axis=1) / temperature
    negative = (tokens[None, :] != tokens[:, None]) & (tokens[None, :] != neighbour_tokens[:, None])
    candidates = ops.concatenate([positive[:, None], ops.where(negative, scores, _NEVER)], axis=1)
    losses = ops.logsumexp(candidates, axis=1) - positive
    counted = ops.cast(positives >= 0, "float32")
    return ops.divide_no_nan(ops.sum(counted * losses), ops.sum(counted))
