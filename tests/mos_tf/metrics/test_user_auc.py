"""What `GAUC` and `UAUC` have in common."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from mos_tf.metrics import GAUC, UAUC

both = pytest.mark.parametrize("metric", [GAUC, UAUC])


def oracle(labels, scores, groups) -> tuple[float, float, int]:
    """User by user: GAUC, UAUC and users left out."""
    aucs, sizes, left_out = [], [], 0
    for group in set(groups):
        own = groups == group
        if 0 < labels[own].sum() < own.sum():
            aucs.append(roc_auc_score(labels[own], scores[own]))
            sizes.append(own.sum())
        else:
            left_out += 1
    return (np.average(aucs, weights=sizes), np.mean(aucs), left_out) if aucs else (0.0, 0.0, left_out)


@given(st.integers(0, 60), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_they_equal_scikit_learn_user_by_user_with_ties(size, users, seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random(size) < 0.4).astype(np.float32)
    scores = rng.integers(0, 5, size).astype(np.float32) / 4
    groups = rng.integers(-(2**62), 2**62, users)[rng.integers(0, users, size)] if size else np.zeros(0, np.int64)
    for metric, column in ((GAUC(capacity=64), 0), (UAUC(capacity=64), 1)):
        metric.update_state(labels[:7], scores[:7], groups=groups[:7])
        metric.update_state(labels[7:], scores[7:], groups=groups[7:])
        expected = oracle(labels, scores, groups)
        np.testing.assert_allclose(metric.result(), expected[column], atol=1e-12)
        assert int(metric.one_class_users()) == expected[2]


@both
def test_a_user_of_many_candidates_loses_no_precision(metric):
    rng = np.random.default_rng(0)
    labels, scores = (rng.random(2**18) < 0.3).astype(np.float32), rng.random(2**18).astype(np.float32)
    found = metric()
    found.update_state(labels, scores, groups=np.zeros(2**18, np.int64))
    assert float(found.result()) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


@both
def test_beyond_the_capacity_they_keep_whole_users_evenly_sampled(metric):
    rng = np.random.default_rng(0)
    users = rng.integers(-(2**62), 2**62, 2000)
    found = metric(capacity=4096)
    update = tf.function(found.update_state)
    for chunk in np.array_split(rng.permutation(np.repeat(users, 10)), 20):
        labels = (rng.random(len(chunk)) < 0.3).astype(np.float32)
        update(labels, labels * 0.3 + rng.random(len(chunk)).astype(np.float32), groups=chunk)
    kept, counts = np.unique(np.asarray(found.groups)[: int(found.size)], return_counts=True)
    assert 150 < len(kept) < 410
    assert set(counts) == {10}
    assert 0.6 < float(found.result()) < 0.85
    # A user of 10 candidates has no positive with probability 0.7^10 = 0.028.
    assert 0 < int(found.one_class_users()) < 0.08 * len(kept)


# The one id whose hash is 0, and so even after any number of halvings: what SplitMix64 adds, negated.
MIXED_TO_0 = 2**64 - 0x9E3779B97F4A7C15


@both
@pytest.mark.parametrize("in_graph", [False, True])
@pytest.mark.parametrize("user", [0, 1, -1, MIXED_TO_0])
def test_a_user_that_alone_exceeds_the_capacity_leaves_nobody_to_judge(metric, user, in_graph):
    found = metric(capacity=4)
    update = tf.function(found.update_state) if in_graph else found.update_state
    candidates = tf.constant([1.0, 0.0, 1.0]), tf.constant([0.1, 0.2, 0.3])
    update(*candidates, groups=tf.constant([user] * 3, tf.int64))
    assert float(found.result()) == 0.5
    for _ in range(2):  # the third batch finds an empty buffer, and must not count the user in part
        update(*candidates, groups=tf.constant([user] * 3, tf.int64))
        assert np.isnan(float(found.result()))
        assert int(found.one_class_users()) == 0
    found.reset_state()
    assert float(found.result()) == 0.0


def test_user_0_is_sampled_like_any_other():
    # SplitMix64 from seed 0 is published: the hash of user 0 is 0xE220A8397B1DCDAF, odd, and goes with the first half;
    # that of its second user is 0x6E789E6AA1B965F4, even, and stays.
    found = GAUC(capacity=2)
    found.update_state([1, 0], [0.1, 0.9], groups=[0, 0])
    found.update_state([1, 0], [0.9, 0.1], groups=[-MIXED_TO_0] * 2)
    assert np.asarray(found.groups).tolist() == [-MIXED_TO_0] * 2
    assert float(found.result()) == 1.0


@both
def test_reset_forgets_everything(metric):
    found = metric(capacity=8)
    found.update_state([1, 0, 1], [0.1, 0.9, 0.5], groups=[1, 1, 2])
    assert (float(found.result()), int(found.one_class_users())) == (0.0, 1)
    found.reset_state()
    found.update_state([1, 0], [0.9, 0.1], groups=[1, 1])
    assert (float(found.result()), int(found.one_class_users())) == (1.0, 0)


@both
def test_it_reloads_with_its_capacity(metric):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric(capacity=8, name="mine")))
    assert (type(copy), copy.name, copy.capacity) == (metric, "mine", 8)


@both
def test_groups_are_required(metric):
    with pytest.raises(ValueError, match=f"^{metric.__name__} needs the user of each candidate"):
        metric(capacity=8).update_state([1], [0.5])


@both
def test_a_batch_larger_than_the_capacity_is_an_error(metric):
    with pytest.raises(tf.errors.InvalidArgumentError, match="raise capacity"):
        metric(capacity=2).update_state([1, 0, 1], [0.5, 0.5, 0.5], groups=[1, 1, 1])


def test_users_of_many_candidates_weigh_more_in_gauc_but_not_in_uauc():
    # User 1 is right (2 candidates), user 2 wrong (4 candidates).
    candidates = ([1, 0, 1, 1, 0, 0], [2, 1, 1, 1, 2, 2])
    gauc, uauc = GAUC(capacity=8), UAUC(capacity=8)
    gauc.update_state(*candidates, groups=[1, 1, 2, 2, 2, 2])
    uauc.update_state(*candidates, groups=[1, 1, 2, 2, 2, 2])
    assert float(gauc.result()) == pytest.approx(2 / 6)
    assert float(uauc.result()) == 0.5
