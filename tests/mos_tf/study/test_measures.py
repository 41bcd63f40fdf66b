import numpy as np
import pytest

from mos_tf.study.measures import RESAMPLES, Judge


def test_scores_are_judged_by_their_order_their_loss_and_their_level(study_data):
    labels = study_data.test.labels
    told = Judge(study_data.test).metrics(0.25 + 0.5 * labels)
    share = labels.mean()
    assert (told["auc"], told["gauc"]) == (1.0, 1.0)
    assert told["log_loss"] == pytest.approx(-np.log(0.75), abs=1e-6)
    assert told["calibration"] == pytest.approx((0.25 + 0.5 * share) / share, abs=1e-5)
    assert Judge(study_data.test).metrics(np.full(len(labels), 0.5))["auc"] == 0.5


def test_two_models_are_judged_on_the_same_draws_of_users(study_data):
    labels = study_data.test.labels
    scores = np.random.default_rng(0).random(len(labels)) + 0.3 * labels
    one, same_order = Judge(study_data.test).resampled(scores), Judge(study_data.test).resampled(scores / 3)
    assert one == same_order
    assert len(one["auc"]) == 1 + RESAMPLES == len(one["gauc"])
    assert one["auc"][0] == Judge(study_data.test).metrics(scores)["auc"]
    assert np.std(one["auc"]) > 0


def test_scores_of_a_training_that_diverged_order_nothing_and_are_no_probabilities(study_data):
    judge, scores = Judge(study_data.test), study_data.test.labels + 0.5
    scores[3] = np.nan
    assert judge.metrics(scores) == {"auc": 0.5, "gauc": 0.5}
    assert set(judge.resampled(scores)["gauc"]) == {0.5}
