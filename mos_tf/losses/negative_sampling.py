"""Probabilities of a model that saw only a share of the negatives, put right."""

import math
from typing import Any

from keras import ops


def undo_negative_sampling(probabilities: Any, rate: float) -> Any:
    """Returns probabilities as they would be without negative down-sampling, float32 of the same shape.

        q = p / (p + (1 − p) / w)

    Args:
        probabilities: p, float, of a model trained with all positives and a share w of the negatives.
        rate: w, the share of the negatives that was kept, in (0, 1].

    Raises:
        ValueError: a rate outside (0, 1].

    References:
        He et al., "Practical Lessons from Predicting Clicks on Ads at Facebook", ADKDD 2014, section 6.3.

    Example:

    >>> round(float(undo_negative_sampling(0.5, rate=0.1)), 4)  # 1 positive and 10 negatives, of which 1 was kept
    0.0909
    """
    _check(rate)
    probabilities = ops.convert_to_tensor(probabilities, dtype="float32")
    return probabilities / (probabilities + (1.0 - probabilities) / rate)


def undo_negative_sampling_logits(logits: Any, rate: float) -> Any:
    """Returns logits as they would be without negative down-sampling, float32 of the same shape.

        logit(q) = logit(p) + log(w)        the same correction as `undo_negative_sampling`, exact for rare positives

    Args:
        logits: float, logit(p).
        rate: w, the share of the negatives that was kept, in (0, 1].

    Raises:
        ValueError: a rate outside (0, 1].

    Example:

    >>> round(float(undo_negative_sampling_logits(0.0, rate=0.1)), 4)
    -2.3026
    """
    _check(rate)
    return ops.convert_to_tensor(logits, dtype="float32") + math.log(rate)


def _check(rate: float) -> None:
    if not 0 < rate <= 1:
        raise ValueError(
            f"rate must be in (0, 1]. Received: rate={rate}; give the share of the negatives that training kept"
        )
