import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mos_tf.models.priors import LabelPriors

candidate = st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 1))


def oracle(data, item, smoothing):
    """Log-odds and log count of an item from (item, user, label, weight of one candidate)."""
    total, positive = sum(w for *_, w in data), sum(y * w for *_, y, w in data)
    n = sum(w for i, _, _, w in data if i == item)
    p = sum(y * w for i, _, y, w in data if i == item)
    rate = (positive + 1) / (total + 2)
    return [np.log((p + smoothing * rate) / (n - p + smoothing * (1 - rate))), np.log1p(n)]


@settings(deadline=None, max_examples=25)
@given(st.lists(candidate, min_size=1, max_size=30))
def test_training_leaves_the_users_own_fold_out_and_scoring_does_not(data):
    priors = LabelPriors({"item": 4}, num_folds=3, smoothing=2.0)
    items, users, labels = (np.array(column) for column in zip(*data, strict=True))
    priors.count({"item": items}, users, labels)
    in_training = priors({"item": tf.constant(items)}, tf.constant(users, tf.int64), training=True)
    scoring = priors({"item": tf.constant(items)}, tf.constant(users, tf.int64))
    for row, (item, user, _) in enumerate(data):
        others = [(i, u, y, 1.5) for i, u, y in data if u % 3 != user % 3]
        np.testing.assert_allclose(in_training[row], oracle(others, item, 2.0), atol=1e-4)
        np.testing.assert_allclose(scoring[row], oracle([(*c, 1.0) for c in data], item, 2.0), atol=1e-4)


def test_a_label_of_ones_own_moves_no_training_prior():
    ids, users = {"item": np.array([0, 0, 1])}, np.array([1, 2, 3])

    def told(label):
        priors = LabelPriors({"item": 3})
        priors.count(ids, users, np.array([label, 1, 0]))
        return priors({"item": tf.constant([0])}, tf.constant([1], tf.int64), training=True).numpy()

    np.testing.assert_array_equal(told(0), told(1))


def test_one_fold_is_refused():
    with pytest.raises(ValueError, match="Received: num_folds=1"):
        LabelPriors({"item": 2}, num_folds=1)
