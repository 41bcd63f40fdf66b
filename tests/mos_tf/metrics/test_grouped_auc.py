import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from mos_tf.metrics.grouped_auc import grouped_auc

samples = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=40)


@given(samples)
def test_each_group_has_the_auc_that_scikit_learn_gives_it(samples):
    labels, scores, groups = np.array(samples).T
    weights, aucs = [], []
    for group in np.unique(groups):
        own = groups == group
        if len(set(labels[own])) == 2:
            weights.append(own.sum())
            aucs.append(roc_auc_score(labels[own], scores[own]))

    result = grouped_auc(labels, scores, groups)

    assert (result.groups, result.one_class_groups) == (len(aucs), len(np.unique(groups)) - len(aucs))
    if aucs:
        assert result.gauc == pytest.approx(np.average(aucs, weights=weights))
        assert result.uauc == pytest.approx(np.mean(aucs))
    else:
        assert np.isnan(result.gauc)
        assert np.isnan(result.uauc)


def test_one_group_is_plain_auc():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 500), rng.normal(size=500).round(1)

    assert grouped_auc(labels, scores, np.zeros(500)).gauc == pytest.approx(roc_auc_score(labels, scores))


def test_a_constant_score_is_worth_one_half_in_every_group():
    result = grouped_auc([0, 1, 0, 1, 1], [0.3] * 5, ["a", "a", "b", "b", "b"])

    assert (result.gauc, result.uauc) == (0.5, 0.5)


def test_larger_groups_weigh_more_in_gauc_but_not_in_uauc():
    # Group 1 is right (2 samples), group 2 wrong in 4 of 4 pairs (4 samples).
    result = grouped_auc([1, 0, 1, 1, 0, 0], [2, 1, 1, 1, 2, 2], [1, 1, 2, 2, 2, 2])

    assert result.gauc == pytest.approx(2 / 6)
    assert result.uauc == 0.5


def test_groups_may_be_names_in_bytes():
    assert grouped_auc([1, 0], [0.9, 0.1], np.array([b"user", b"user"])).gauc == 1.0


@pytest.mark.parametrize(
    ("labels", "scores"), [([1, 0, 1], [0.1, 0.2]), ([1, 0.5], [0.1, 0.2]), ([1, 0], [0.1, float("nan")])]
)
def test_what_has_no_auc_is_refused(labels, scores):
    with pytest.raises(ValueError, match="must be"):
        grouped_auc(labels, scores, [1, 1])
