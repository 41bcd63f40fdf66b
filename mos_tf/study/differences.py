"""How surely one row is better than another: differences paired by seed, intervals over resampled users and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Runs = Mapping[int, Mapping[str, Sequence[float]]]  # seed → metric → values of the resamples, the sample's own first


@dataclass(frozen=True)
class Difference:
    """How much better one row is than another.

    Args:
        value: mean difference over seeds.
        lower, upper: its 95 % interval over users and seeds: percentiles of the resamples' mean differences.
        relative: mean of a / b − 1 over seeds.
        relative_lower, relative_upper: its interval.
        by_seed: the differences.
    """

    value: float
    lower: float
    upper: float
    relative: float
    relative_lower: float
    relative_upper: float
    by_seed: tuple[float, ...]


def difference(ours: Runs, theirs: Runs, metric: str) -> Difference:
    """Compares two rows on the seeds that both have; a row with one run has no seed and is compared with every one.

    Args:
        ours: see `Runs`.
        theirs: the same, on resamples of the same users.
        metric: which of the metrics.

    Raises:
        ValueError: no seed in common.

    Example:

    >>> ours = {0: {"auc": [0.8, 0.81, 0.79]}, 1: {"auc": [0.7, 0.71, 0.69]}}
    >>> theirs = {0: {"auc": [0.7, 0.7, 0.7]}}
    >>> round(difference(ours, theirs, "auc").value, 3)
    0.05
    """
    return pooled([(ours, theirs)], metric)


def pooled(pairs: Sequence[tuple[Runs, Runs]], metric: str) -> Difference:
    """Compares several pairs of rows at once, as of several encoders: the mean over pairs of their differences.

    Users and seeds are drawn together, so that an interval holds for other trainings as well: every resample of users
    takes n − 1 of n seeds with replacement, whose mean varies as that of n trainings does (n draws would vary less).
    Pairs of the same seeds share the draw, as their trainings share what begins with a seed.
    """
    absolute, relative, by_seed = [], [], []
    for ours, theirs in pairs:
        one_run = next(iter(theirs.values())) if len(theirs) == 1 else None
        seeds = [seed for seed in ours if one_run is not None or seed in theirs]
        if not seeds:
            raise ValueError(f"rows are compared seed by seed. Received: seeds {sorted(ours)} and {sorted(theirs)}")
        a = np.array([ours[seed][metric] for seed in seeds])
        b = np.array([(theirs[seed] if one_run is None else one_run)[metric] for seed in seeds])
        absolute.append(_over_seeds(a - b))
        relative.append(_over_seeds(a / b - 1))
        by_seed += (a - b)[:, 0].tolist()
    mean, ratio = np.mean(absolute, axis=0), np.mean(relative, axis=0)
    (lower, upper), (low, high) = (np.quantile(values[1:], [0.025, 0.975]) for values in (mean, ratio))
    return Difference(
        float(mean[0]), float(lower), float(upper), float(ratio[0]), float(low), float(high), tuple(by_seed)
    )


def _over_seeds(values: np.ndarray) -> np.ndarray:
    """Returns the means over seeds of [seeds, 1 + resamples]: of the sample over all, of a resample over drawn ones."""
    number, resamples = len(values), values.shape[1] - 1
    drawn = np.random.default_rng(0).integers(number, size=(max(number - 1, 1), resamples))
    means = np.take_along_axis(values[:, 1:], drawn, axis=0).mean(axis=0)
    return np.concatenate([[values[:, 0].mean()], means])
