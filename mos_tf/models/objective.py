"""`Objective`: what a ranker is trained for, and what probability its logit then means."""

from typing import Any, Literal

from keras import ops
from pydantic import BaseModel, ConfigDict, Field

from mos_tf.losses import candidate_cross_entropy, request_softmax, undo_negative_sampling_logits


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
        ValueError: a rate outside (0, 1], a weight not above 0, or a weight with the softmax, which has no use for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    loss: Literal["cross_entropy", "request_softmax"] = "cross_entropy"
    positive_weight: float = Field(1.0, gt=0)
    negative_sampling_rate: float = Field(1.0, gt=0, le=1)

    def model_post_init(self, _: Any) -> None:
        if self.loss == "request_softmax" and self.positive_weight != 1.0:
            raise ValueError(
                "request_softmax compares candidates of one request and has no class weights. "
                f"Received: positive_weight={self.positive_weight}; leave it at 1"
            )

    def __call__(self, labels: Any, logits: Any, rows: Any, num_rows: Any) -> Any:
        """Returns the loss, a float32 scalar, of labels and logits [M], rows int [M] naming each one's request."""
        if self.loss == "request_softmax":
            return request_softmax(labels, logits, rows, num_rows)
        return candidate_cross_entropy(labels, logits, positive_weight=self.positive_weight)

    def probabilities(self, logits: Any) -> Any:
        """Returns the scores, float32 [M]."""
        return ops.sigmoid(undo_negative_sampling_logits(logits, self.negative_sampling_rate))
