from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mos_tf.errors import GateError
from tests.support.letter_ranker import LetterRanker, request
from tfx_pipeline.components.session_check import check_export

EXAMPLES = [request("tea", "milk"), request(), request("jam")]
SCORES = [np.array([0.375, 0.5]), np.array([]), np.array([0.375])]  # 0.125 a letter


def check(model_dir: str, scores=SCORES, agreement: float = 1.0) -> None:
    check_export(model_dir, EXAMPLES, scores, tolerance=1e-5, agreement=agreement)


def test_a_model_that_answers_as_in_training_passes(tmp_path: Path):
    check(LetterRanker().save(tmp_path))


def test_scores_that_differ_are_refused_with_the_largest_difference_and_the_first_request(tmp_path: Path):
    trained = [SCORES[0], SCORES[1], np.array([0.125])]
    with pytest.raises(GateError, match=r"Received: 66.7%, largest difference 0.25, first in request 2"):
        check(LetterRanker().save(tmp_path), trained)


def test_a_share_of_the_scores_may_differ(tmp_path: Path):
    check(LetterRanker().save(tmp_path), [SCORES[0], SCORES[1], np.array([0.125])], agreement=0.6)


def test_a_score_that_is_not_a_number_agrees_with_nothing(tmp_path: Path):
    with pytest.raises(GateError, match="Received: 0.0%"):
        check(LetterRanker(per_letter=float("nan")).save(tmp_path))


def test_a_model_whose_scores_depend_on_the_rest_of_the_batch_is_refused(tmp_path: Path):
    class BatchNormalized(LetterRanker):
        def score(self, letters: tf.Tensor) -> tf.Tensor:
            return super().score(letters) / tf.reduce_max(super().score(letters)) / 2

    with pytest.raises(GateError, match="one a call"):
        check(BatchNormalized().save(tmp_path))


def test_a_number_of_scores_other_than_that_of_candidates_is_refused(tmp_path: Path):
    with pytest.raises(GateError, match=r"Received: 1 scores for 2 candidates \(request 2"):
        check(LetterRanker().save(tmp_path), [SCORES[0], SCORES[1], np.array([0.375, 0.5])])


def test_padding_other_than_minus_one_is_refused(tmp_path: Path):
    with pytest.raises(GateError, match="must be -1.0"):
        check(LetterRanker(padding=0.0).save(tmp_path))


def test_a_model_without_the_serving_signature_is_refused(tmp_path: Path):
    with pytest.raises(GateError, match=r"signature 'serving_default'. Received: .*'predict'"):
        check(LetterRanker().save(tmp_path, signature="predict"))


def test_a_signature_with_other_names_is_refused(tmp_path: Path):
    class Renamed(LetterRanker):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="requests")])
        def rank(self, requests: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"scores": tf.strings.length(requests)}

    with pytest.raises(GateError, match=r"Received: \['requests'\] to \['scores'\]"):
        check(Renamed().save(tmp_path))


def test_a_directory_that_holds_no_model_is_refused(tmp_path: Path):
    with pytest.raises(GateError, match="the server's loader must load the model"):
        check(str(tmp_path))


def test_a_model_that_fails_on_a_request_is_refused(tmp_path: Path):
    class Failing(LetterRanker):
        def score(self, letters: tf.Tensor) -> tf.Tensor:
            with tf.control_dependencies([tf.debugging.assert_less(letters, 4)]):
                return super().score(letters)

    with pytest.raises(GateError, match="must answer every request"):
        check(Failing().save(tmp_path))


def test_a_reference_without_candidates_checks_nothing_and_is_refused(tmp_path: Path):
    with pytest.raises(GateError, match="Received: 1 requests without any"):
        check_export(str(tmp_path), [request()], [np.array([])], tolerance=1e-5, agreement=1.0)
