import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from mos_tf.models import Objective

LABELS, LOGITS, ROWS = tf.constant([1.0, 0.0, 0.0]), tf.constant([0.0, 0.0, 0.0]), tf.constant([0, 0, 1])


def test_a_positive_weight_counts_positives_more():
    assert float(Objective()(LABELS, LOGITS, ROWS, 2)) == pytest.approx(np.log(2))
    assert float(Objective(positive_weight=4.0)(LABELS, LOGITS, ROWS, 2)) == pytest.approx(2 * np.log(2))


def test_the_request_softmax_compares_the_candidates_of_a_request():
    loss = Objective(loss="request_softmax")(LABELS, tf.constant([1.0, 0.0, 9.0]), ROWS, 2)
    assert float(loss) == pytest.approx(np.log1p(np.exp(-1.0)))


def test_scores_are_corrected_for_the_negatives_that_were_dropped():
    # Even odds with one negative of ten kept are one to ten.
    assert float(Objective(negative_sampling_rate=0.1).probabilities(tf.constant(0.0))) == pytest.approx(1 / 11)


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": "hinge"},
        {"positive_weight": 0.0},
        {"negative_sampling_rate": 1.5},
        {"loss": "request_softmax", "positive_weight": 2.0},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        Objective(**wrong)
