"""`grouped_auc`: AUC within each group of samples, in NumPy, for whoever holds all scores at once."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class GroupedAUC(NamedTuple):
    """AUC within groups.

    Attributes:
        gauc: mean of the groups' AUC, weighted by their samples; NaN where no group has both classes.
        uauc: unweighted mean of the groups' AUC; NaN likewise.
        groups: number of groups with both classes, over which both means go.
        one_class_groups: number of groups left out, as AUC is not defined on one class.
    """

    gauc: float
    uauc: float
    groups: int
    one_class_groups: int


def grouped_auc(labels: ArrayLike, scores: ArrayLike, groups: ArrayLike) -> GroupedAUC:
    """Returns GAUC and uAUC by ranks (Mann-Whitney), tied scores sharing their mean rank.

        AUC_g = (Σ ranks of the positives − P (P + 1) / 2) / (P · N)        ranks within group g
        GAUC  = Σ_g n_g AUC_g / Σ_g n_g        uAUC = mean_g AUC_g        n_g = P + N

    Args:
        labels: 0 or 1 [M].
        scores: finite numbers [M], higher means more likely positive.
        groups: what each sample belongs to [M], any sortable values (GAUC of users: user ids).

    Raises:
        ValueError: arrays of unequal length, a label other than 0 and 1, or a score that is not finite.

    Example:

    >>> grouped_auc(labels=[1, 0, 1, 0, 0, 1], scores=[0.9, 0.1, 0.2, 0.8, 0.5, 0.6], groups=list("aabbbc"))
    GroupedAUC(gauc=0.4, uauc=0.5, groups=2, one_class_groups=1)
    """
    labels, scores = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    if not labels.shape == scores.shape == group.shape:
        raise ValueError(
            "labels, scores and groups must be of equal length. "
            f"Received: {labels.shape}, {scores.shape}, {group.shape}"
        )
    if not np.isin(labels, (0, 1)).all() or not np.isfinite(scores).all():
        raise ValueError("labels must be 0 or 1 and scores finite. Received: other values")
    order = np.lexsort((scores, group))
    labels, scores, group = labels[order], scores[order], group[order]
    size = np.bincount(group, minlength=len(names))
    positives = np.bincount(group, weights=labels, minlength=len(names))
    pairs = positives * (size - positives)
    rank_sum = np.bincount(group, weights=labels * _mean_ranks(scores, group, size), minlength=len(names))
    both = pairs > 0
    auc = (rank_sum - positives * (positives + 1) / 2)[both] / pairs[both]
    return GroupedAUC(
        gauc=float(np.average(auc, weights=size[both])) if both.any() else float("nan"),
        uauc=float(np.mean(auc)) if both.any() else float("nan"),
        groups=int(both.sum()),
        one_class_groups=int((~both).sum()),
    )


def _mean_ranks(scores: np.ndarray, group: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Ranks 1..n within each group, of samples sorted by group and score."""
    rank = np.arange(1, len(scores) + 1) - np.repeat(np.cumsum(size) - size, size)
    first = np.ones(len(scores), dtype=bool)
    first[1:] = (np.diff(group) != 0) | (np.diff(scores) != 0)
    tie = np.cumsum(first) - 1
    return (np.bincount(tie, weights=rank) / np.bincount(tie))[tie]
