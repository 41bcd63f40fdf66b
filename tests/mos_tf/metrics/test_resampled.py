import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from mos_tf.metrics.grouped_auc import grouped_auc
from mos_tf.metrics.resampled import resampled_auc, resampled_gauc, user_weights


@st.composite
def samples(draw):
    size = draw(st.integers(4, 40))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    user = rng.integers(0, 4, size)
    user[:4] = range(4)
    labels = rng.integers(0, 2, size)
    labels[:2] = 0, 1
    return labels, rng.integers(0, 6, size) / 5, user


@settings(max_examples=40, deadline=None)
@given(samples())
def test_a_resample_is_the_metric_of_its_users_rows_repeated(sample):
    labels, scores, user = sample
    weights = user_weights(4, 20, seed=1)
    auc, gauc = (metric(labels, scores, user, weights) for metric in (resampled_auc, resampled_gauc))
    np.testing.assert_allclose(auc[0], roc_auc_score(labels, scores))
    np.testing.assert_allclose(gauc[0], grouped_auc(labels, scores, user).gauc)
    for drawn, value, grouped in zip(weights[1:], auc[1:], gauc[1:], strict=True):
        copies = [(i, copy) for i in range(len(user)) for copy in range(drawn[user[i]])]
        rows = np.array([i for i, _ in copies], int)
        if 0 < labels[rows].sum() < len(rows):
            np.testing.assert_allclose(value, roc_auc_score(labels[rows], scores[rows]))
        again = grouped_auc(labels[rows], scores[rows], [f"{user[i]} {copy}" for i, copy in copies]).gauc
        np.testing.assert_allclose(grouped, again)


def test_the_same_seed_draws_the_same_users_and_the_sample_itself_comes_first():
    weights = user_weights(5, 3, seed=7)
    np.testing.assert_array_equal(weights, user_weights(5, 3, seed=7))
    np.testing.assert_array_equal(weights[0], 1)
    np.testing.assert_array_equal(weights.sum(axis=1), 5)
