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


def test_the_request_softmax_takes_the_sampling_of_its_candidates_into_account():
    # The negative stands for the four of which it was drawn.
    loss = Objective(loss="request_softmax")(
        LABELS, LOGITS, ROWS, 2, log_sampling_probability=tf.constant([0.0, np.log(0.25), 0.0], tf.float32)
    )
    assert float(loss) == pytest.approx(np.log(5))


def test_cross_entropy_refuses_a_sampling_that_it_would_not_use():
    with pytest.raises(ValueError) as error:
        Objective()(LABELS, LOGITS, ROWS, 2, log_sampling_probability=tf.zeros(3))
    assert str(error.value) == (
        "log_sampling_probability must come with loss='request_softmax', which compares sampled candidates. Received: "
        "loss='cross_entropy'; leave it out, or change the loss"
    )


def test_scores_are_corrected_for_the_negatives_that_were_dropped():
    # Even odds with one negative of ten kept are one to ten.
    assert float(Objective(negative_sampling_rate=0.1).probabilities(tf.constant(0.0))) == pytest.approx(1 / 11)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"loss": "hinge"},
            "loss must be 'cross_entropy' or 'request_softmax'. Received: 'hinge'; take 'cross_entropy' for scores "
            "that are probabilities",
        ),
        (
            {"positive_weight": 0.0},
            "positive_weight must be above 0 and finite. Received: 0.0; leave it at 1 to count both classes the same",
        ),
        (
            {"positive_weight": float("inf")},
            "positive_weight must be above 0 and finite. Received: inf; leave it at 1 to count both classes the same",
        ),
        (
            {"negative_sampling_rate": 1.5},
            "negative_sampling_rate must be in (0, 1]. Received: 1.5; give the share of the negatives that training "
            "data kept, 1 for all",
        ),
        (
            {"negative_sampling_rate": float("nan")},
            "negative_sampling_rate must be in (0, 1]. Received: nan; give the share of the negatives that training "
            "data kept, 1 for all",
        ),
        (
            {"loss": "request_softmax", "positive_weight": 2.0},
            "positive_weight must be 1 with 'request_softmax', which compares candidates of one request and has no "
            "classes. Received: 2.0; leave it at 1, or take 'cross_entropy'",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(wrong, message):
    with pytest.raises(ValidationError) as error:
        Objective(**wrong)
    (reported,) = error.value.errors()
    assert reported["msg"] == f"Value error, {message}"


def test_what_it_was_made_of_makes_it_again():
    objective = Objective(positive_weight=2.0, negative_sampling_rate=0.5)
    assert Objective.model_validate(objective.model_dump()) == objective
