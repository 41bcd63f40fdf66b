"""Counting events by group: the small steps that the measures of session hopping share."""

import numpy as np

_QUANTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p99": 0.99}


def counts(group: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns group, label and number of events of every (group, label) that occurs, in that order."""
    width = label.max() + 1
    keys, count = np.unique(group * width + label, return_counts=True)
    return keys // width, keys % width, count


def changes(values: np.ndarray) -> np.ndarray:
    """Returns bool [N], true at the first and wherever a value differs from the one before."""
    return np.concatenate([[True], values[1:] != values[:-1]])


def share(part: float | np.number, whole: float | np.number) -> float:
    """Returns part / whole, NaN where there is no whole."""
    return float(part / whole) if whole else float("nan")


def summary(values: np.ndarray) -> dict[str, float]:
    """Returns mean, p50, p75, p90 and p99 of values [N]; all NaN where N is 0."""
    if not len(values):
        return dict.fromkeys(["mean", *_QUANTILES], float("nan"))
    return {"mean": float(values.mean())} | {name: float(np.quantile(values, q)) for name, q in _QUANTILES.items()}
