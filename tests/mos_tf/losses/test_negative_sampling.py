import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from mos_tf.losses import undo_negative_sampling, undo_negative_sampling_logits


@given(st.integers(1, 100), st.integers(1, 1000), st.floats(0.01, 1))
def test_the_frequency_among_sampled_candidates_becomes_that_among_all(positives, negatives, rate):
    seen = positives / (positives + rate * negatives)
    np.testing.assert_allclose(undo_negative_sampling(seen, rate), positives / (positives + negatives), rtol=1e-4)


@given(st.floats(0.001, 0.999), st.floats(0.001, 1))
def test_logits_are_corrected_like_probabilities(probability, rate):
    corrected = expit(np.asarray(undo_negative_sampling_logits(logit(probability), rate)))
    np.testing.assert_allclose(corrected, undo_negative_sampling(probability, rate), rtol=1e-4)


def test_the_shape_is_kept_and_sure_answers_stay():
    np.testing.assert_allclose(undo_negative_sampling([[0.0, 1.0], [0.5, 0.75]], 0.5), [[0, 1], [1 / 3, 0.6]])


def test_without_sampling_nothing_changes():
    np.testing.assert_allclose(undo_negative_sampling([0.1, 0.9], 1), [0.1, 0.9], rtol=1e-6)
    np.testing.assert_allclose(undo_negative_sampling_logits([-100.0, 100.0], 1), [-100, 100])


def test_half_precision_does_not_round_rare_positives_to_0():
    corrected = undo_negative_sampling(np.float16(1e-4), rate=1e-4)
    np.testing.assert_allclose(corrected, 1e-8, rtol=1e-3)


@pytest.mark.parametrize("undo", [undo_negative_sampling, undo_negative_sampling_logits])
@pytest.mark.parametrize("rate", [0.0, -0.5, 1.5, float("nan")])
def test_a_rate_that_is_no_share_is_refused(undo, rate):
    with pytest.raises(ValueError, match=r"rate must be in \(0, 1\]. Received: rate="):
        undo([0.5], rate)
