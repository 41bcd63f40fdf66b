"""`Objective`: what a ranker is trained for, and what probability its logit then means."""

import math
from typing import Any, Literal, get_args

from keras import ops
from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from mos_tf.losses import candidate_cross_entropy, request_softmax, undo_negative_sampling_logits

Loss = Literal["cross_entropy", "request_softmax"]


class Objective(BaseModel):
    """Loss of the candidates' logits, and probabilities from them.

    Calibration: scores are probabilities under "cross_entropy" with `positive_weight` 1 and the true
    `negative_sampling_rate`. A positive weight a multiplies the odds by a; "request_softmax" leaves them free, so its
    scores order the candidates of one request and mean nothing across requests.

    Args:
        loss: `"cross_entropy"` of each candidate, or `"request_softmax"` of each request's positives.
        positive_weight: what a positive counts where a negative counts 1 (cross-entropy only).
        negative_sampling_rate: share of the negatives that training data kept. The loss is that of the data as it is;
            scores are corrected: q = p / (p + (1 − p) / w).

    Raises:
        ValueError: another loss, a rate outside (0, 1], a weight not above 0 or not finite, or a weight with the
            softmax, which has no use for it.

    Example:

    >>> objective = Objective(negative_sampling_rate=0.1)
    >>> round(float(objective([1.0, 0.0], [0.0, 0.0], rows=[0, 0], num_rows=1)), 4)  # log 2
    0.6931
    >>> round(float(objective.probabilities(0.0)), 4)  # 1 positive and 10 negatives, of which 1 was kept
    0.0909
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss: Loss = "cross_entropy"
    positive_weight: float = 1.0
    negative_sampling_rate: float = 1.0

    @field_validator("loss", mode="before")
    @classmethod
    def _known(cls, loss: Any) -> Any:
        if loss not in get_args(Loss):
            raise ValueError(
                f"loss must be {' or '.join(map(repr, get_args(Loss)))}. Received: {loss!r}; take 'cross_entropy' for "
                "scores that are probabilities"
            )
        return loss

    @field_validator("positive_weight")
    @classmethod
    def _a_weight(cls, weight: float) -> float:
        if not 0 < weight < math.inf:
            raise ValueError(
                f"positive_weight must be above 0 and finite. Received: {weight}; leave it at 1 to count both classes "
                "the same"
            )
        return weight

    @field_validator("negative_sampling_rate")
    @classmethod
    def _a_share(cls, rate: float) -> float:
        if not 0 < rate <= 1:
            raise ValueError(
                f"negative_sampling_rate must be in (0, 1]. Received: {rate}; give the share of the negatives that "
                "training data kept, 1 for all"
            )
        return rate

    @model_validator(mode="after")
    def _weight_of_a_class(self) -> "Objective":
        if self.loss == "request_softmax" and self.positive_weight != 1.0:
            raise ValueError(
                "positive_weight must be 1 with 'request_softmax', which compares candidates of one request and has no "
                f"classes. Received: {self.positive_weight}; leave it at 1, or take 'cross_entropy'"
            )
        return self

    def __call__(
        self, labels: Any, logits: Any, rows: Any, num_rows: Any, *, log_sampling_probability: Any = None
    ) -> Any:
        """Returns the loss, a float32 scalar.

        Args:
            labels: 0 or 1 [M].
            logits: float [M].
            rows: int [M], the request of each candidate, in [0, num_rows).
            num_rows: number of requests.
            log_sampling_probability: log Q, float [M], of how each candidate got into its request, as
                `request_softmax` takes it; for that loss alone.

        Raises:
            ValueError: arrays of unequal length, or a log Q with cross-entropy, which has no use for it.

        Example:

        >>> objective = Objective(loss="request_softmax")
        >>> request = dict(labels=[1, 0], logits=[0.0, 0.0], rows=[0, 0], num_rows=1)
        >>> loss = objective(**request, log_sampling_probability=[0.0, -1.0986])  # one of 3 negatives was drawn
        >>> round(float(loss), 4)  # log 4
        1.3863
        """
        if self.loss == "request_softmax":
            return request_softmax(labels, logits, rows, num_rows, log_sampling_probability=log_sampling_probability)
        if log_sampling_probability is not None:
            raise ValueError(
                "log_sampling_probability must come with loss='request_softmax', which compares sampled candidates. "
                f"Received: loss={self.loss!r}; leave it out, or change the loss"
            )
        return candidate_cross_entropy(labels, logits, positive_weight=self.positive_weight)

    def probabilities(self, logits: Any) -> Any:
        """Returns the scores, float32 [M]."""
        return ops.sigmoid(undo_negative_sampling_logits(logits, self.negative_sampling_rate))
