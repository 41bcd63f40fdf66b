import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from mos_tf.metrics import GAUC


def oracle(labels, scores, groups) -> float:
    total = weight = 0.0
    for group in set(groups):
        own = groups == group
        if 0 < labels[own].sum() < own.sum():
            total += own.sum() * roc_auc_score(labels[own], scores[own])
            weight += own.sum()
    return total / weight if weight else 0.0


@given(st.integers(0, 60), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_gauc_equals_scikit_learn_user_by_user_with_ties(size, users, seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random(size) < 0.4).astype(np.float32)
    scores = rng.integers(0, 5, size).astype(np.float32) / 4
    groups = rng.integers(-(2**62), 2**62, users)[rng.integers(0, users, size)] if size else np.zeros(0, np.int64)
    metric = GAUC(capacity=64)
    metric.update_state(labels[:7], scores[:7], groups=groups[:7])
    metric.update_state(labels[7:], scores[7:], groups=groups[7:])
    np.testing.assert_allclose(metric.result(), oracle(labels, scores, groups), atol=1e-6)


def test_beyond_its_capacity_it_keeps_whole_users_evenly_sampled():
    rng = np.random.default_rng(0)
    users = rng.integers(-(2**62), 2**62, 2000)
    metric = GAUC(capacity=4096)
    better = tf.function(metric.update_state)
    for chunk in np.array_split(rng.permutation(np.repeat(users, 10)), 20):
        labels = (rng.random(len(chunk)) < 0.3).astype(np.float32)
        better(labels, labels * 0.3 + rng.random(len(chunk)).astype(np.float32), groups=chunk)
    kept, counts = np.unique(np.asarray(metric.groups)[: int(metric.size)], return_counts=True)
    assert 150 < len(kept) < 410
    assert set(counts) == {10}
    assert 0.6 < float(metric.result()) < 0.85


def test_reset_forgets_everything():
    metric = GAUC(capacity=8)
    metric.update_state([1, 0], [0.1, 0.9], groups=[1, 1])
    assert float(metric.result()) == 0.0
    metric.reset_state()
    metric.update_state([1, 0], [0.9, 0.1], groups=[1, 1])
    assert float(metric.result()) == 1.0


def test_groups_are_required():
    with pytest.raises(ValueError, match="GAUC needs the user of each candidate"):
        GAUC(capacity=8).update_state([1], [0.5])


def test_a_batch_larger_than_the_capacity_is_an_error():
    with pytest.raises(tf.errors.InvalidArgumentError, match="raise capacity"):
        GAUC(capacity=2).update_state([1, 0, 1], [0.5, 0.5, 0.5], groups=[1, 1, 1])
