"""AUC and GAUC of resampled users: what an interval over users is made of, in NumPy."""

import numpy as np

from mos_tf.metrics.grouped_auc import grouped_auc


def user_weights(num_users: int, resamples: int, seed: int | np.random.Generator) -> np.ndarray:
    """Returns how often each user is drawn, int [1 + resamples, users]; the first row is the sample itself.

    The same seed draws the same users, so that values of several models pair.

    Args:
        num_users: U.
        resamples: how many times U users are drawn with replacement.
        seed: of the draws, or what draws.

    Example:

    >>> user_weights(3, 2, seed=0).sum(axis=1).tolist()
    [3, 3, 3]
    """
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(num_users, np.full(num_users, 1 / num_users), size=resamples)
    return np.vstack([np.ones((1, num_users), draws.dtype), draws])


def resampled_auc(labels: np.ndarray, scores: np.ndarray, user: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the AUC of each resample, float64 [1 + resamples]; ties count half, NaN where there is one class.

    Args:
        labels: 0 or 1 [M].
        scores: [M].
        user: int [M], in [0, U).
        weights: of `user_weights`; a row counts as often as its user was drawn.

    Example:

    >>> labels, scores, user = np.array([1, 0, 1, 0]), np.array([0.9, 0.1, 0.2, 0.8]), np.array([0, 0, 1, 1])
    >>> resampled_auc(labels, scores, user, np.array([[1, 1], [2, 0], [0, 2]])).tolist()
    [0.75, 1.0, 0.0]
    """
    positive = np.asarray(labels) > 0
    rank = np.unique(scores, return_inverse=True)[1]
    sides = [(rank[side], user[side]) for side in (positive, ~positive)]
    values = []
    for drawn in weights.astype(np.float64):
        positives, negatives = (np.bincount(ranks, drawn[users], minlength=rank.max() + 1) for ranks, users in sides)
        with np.errstate(invalid="ignore"):
            values.append(positives @ (np.cumsum(negatives) - negatives / 2) / (positives.sum() * negatives.sum()))
    return np.array(values)


def resampled_gauc(labels: np.ndarray, scores: np.ndarray, user: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the GAUC over users of each resample, float64 [1 + resamples]; arguments as `resampled_auc`.

    Users with one class are left out, as in `grouped_auc`.

    Example:

    >>> labels, scores, user = np.array([1, 0, 1, 0]), np.array([0.9, 0.1, 0.2, 0.8]), np.array([0, 0, 1, 1])
    >>> resampled_gauc(labels, scores, user, np.array([[1, 1], [2, 0]])).tolist()
    [0.5, 1.0]
    """
    order = np.argsort(user, kind="stable")
    size = np.bincount(user, minlength=weights.shape[1])
    rows_of_users = np.split(order, np.cumsum(size)[:-1])
    own = np.array([grouped_auc(labels[rows], scores[rows], np.zeros(len(rows))).gauc for rows in rows_of_users])
    counted = np.isfinite(own)
    with np.errstate(invalid="ignore"):
        return weights[:, counted] @ (size * own)[counted] / (weights[:, counted] @ size[counted])
