"""`GAUC`: AUC within each user, weighted by the user's candidates, streaming and bounded in memory."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("mos_tf")
class GAUC(keras.metrics.Metric):
    """Grouped AUC.

        GAUC = Σ_u n_u AUC_u / Σ_u n_u        over users with both classes; n_u = the user's candidates

    Ties count half. Users with one class are left out. The result is exact up to `capacity` candidates. Beyond it
    the metric keeps a uniform sample of users: whenever the buffer is full it drops half of the users, by their hash,
    and goes on with the rest, so memory stays at 16 bytes x capacity and no user is ever counted in part.

    Args:
        capacity: candidates kept at most; one batch must fit.

    References:
        Zhu et al., "Optimized Cost per Click in Taobao Display Advertising", KDD 2017.

    Example:

    >>> metric = GAUC()
    >>> metric.update_state([1, 0, 1, 0], [0.9, 0.1, 0.2, 0.8], groups=[7, 7, 8, 8])
    >>> float(metric.result())  # user 7 is ranked right, user 8 wrong
    0.5
    """

    def __init__(self, capacity: int = 2**19, name: str = "gauc", **kwargs: Any):
        super().__init__(name=name, dtype=kwargs.pop("dtype", "float32"), **kwargs)
        self.capacity = capacity

        def buffer(name: str, shape: tuple, dtype: str) -> keras.Variable:
            return self.add_variable(shape=shape, initializer="zeros", name=name, dtype=dtype)

        self.labels = buffer("labels", (capacity,), "float32")
        self.scores = buffer("scores", (capacity,), "float32")
        self.groups = buffer("groups", (capacity,), "int64")
        self.size = buffer("size", (), "int64")
        # Users are kept while the lowest `halvings` bits of their hash are zero.
        self.halvings = buffer("halvings", (), "int64")

    def update_state(self, y_true: Any, y_pred: Any, groups: Any = None) -> None:
        """Adds candidates.

        Args:
            y_true: labels, 0 or 1 [M].
            y_pred: scores [M].
            groups: int64 [M], the user of each candidate.

        Raises:
            ValueError: no groups.
        """
        if groups is None:
            raise ValueError("GAUC needs the user of each candidate. Received: groups=None; pass int64 user hashes")
        labels = tf.reshape(tf.cast(y_true, tf.float32), [-1])
        scores = tf.reshape(tf.cast(y_pred, tf.float32), [-1])
        users = tf.reshape(tf.cast(groups, tf.int64), [-1])
        tf.debugging.assert_less_equal(
            tf.size(users), self.capacity, message="GAUC: one batch must fit into capacity; raise capacity"
        )
        size, halvings = tf.identity(self.size.value), tf.identity(self.halvings.value)
        state = (
            tf.concat([self.labels.value[:size], labels], axis=0),
            tf.concat([self.scores.value[:size], scores], axis=0),
            tf.concat([self.groups.value[:size], users], axis=0),
        )
        state = self._of_sampled_users(state, halvings)

        def halve(halvings: tf.Tensor, labels: tf.Tensor, scores: tf.Tensor, users: tf.Tensor) -> tuple:
            return (halvings + 1, *self._of_sampled_users((labels, scores, users), halvings + 1))

        halvings, labels, scores, users = tf.while_loop(
            lambda halvings, labels, scores, users: tf.size(users) > self.capacity,
            halve,
            (halvings, *state),
            shape_invariants=(tf.TensorShape([]), *[tf.TensorShape([None])] * 3),
        )
        size = tf.size(users, out_type=tf.int64)
        pad = [[0, self.capacity - size]]
        self.labels.assign(tf.ensure_shape(tf.pad(labels, pad), [self.capacity]))
        self.scores.assign(tf.ensure_shape(tf.pad(scores, pad), [self.capacity]))
        self.groups.assign(tf.ensure_shape(tf.pad(users, pad), [self.capacity]))
        self.size.assign(size)
        self.halvings.assign(halvings)

    @staticmethod
    def _of_sampled_users(state: tuple, halvings: tf.Tensor) -> tuple:
        mask = tf.bitwise.left_shift(tf.ones((), tf.int64), halvings) - 1
        sampled = tf.bitwise.bitwise_and(_mix(state[2]), mask) == 0
        return tuple(tf.boolean_mask(values, sampled) for values in state)

    def result(self) -> tf.Tensor:
        size = self.size.value
        return _grouped_auc(self.labels.value[:size], self.scores.value[:size], self.groups.value[:size])

    def reset_state(self) -> None:
        self.size.assign(0)
        self.halvings.assign(0)

    def get_config(self) -> dict:
        return {**super().get_config(), "capacity": self.capacity}


def _grouped_auc(labels: tf.Tensor, scores: tf.Tensor, groups: tf.Tensor) -> tf.Tensor:
    """Returns GAUC of flat labels, scores and groups; 0 where no group has both classes.

    By ranks (Mann-Whitney): AUC_u = (Σ ranks of positives − P(P + 1)/2) / (P · N), tied scores sharing their mean rank.
    """
    order = tf.argsort(scores, stable=True)
    order = tf.gather(order, tf.argsort(tf.gather(groups, order), stable=True))
    labels, scores = tf.gather(labels, order), tf.gather(scores, order)
    _, group = tf.unique(tf.gather(groups, order), out_idx=tf.int64)
    num_groups = tf.reduce_max(tf.concat([group, [-1]], axis=0)) + 1
    count = tf.math.unsorted_segment_sum(tf.ones_like(scores), group, num_groups)
    starts = tf.cumsum(count, exclusive=True)
    rank = tf.cast(tf.range(tf.size(scores)), tf.float32) - tf.gather(starts, group) + 1.0
    changed = (scores[1:] != scores[:-1]) | (group[1:] != group[:-1])
    tie = tf.cumsum(tf.concat([tf.zeros_like(group[:1]), tf.cast(changed, tf.int64)], axis=0))
    num_ties = tf.reduce_max(tf.concat([tie, [-1]], axis=0)) + 1
    rank = tf.gather(tf.math.unsorted_segment_mean(rank, tie, num_ties), tie)
    positives = tf.math.unsorted_segment_sum(labels, group, num_groups)
    negatives = count - positives
    ranks = tf.math.unsorted_segment_sum(rank * labels, group, num_groups)
    auc = tf.math.divide_no_nan(ranks - positives * (positives + 1.0) / 2.0, positives * negatives)
    weight = tf.where((positives > 0) & (negatives > 0), count, 0.0)
    return tf.math.divide_no_nan(tf.reduce_sum(weight * auc), tf.reduce_sum(weight))


def _mix(users: tf.Tensor) -> tf.Tensor:
    """Spreads int64 user ids over all bits (the finaliser of SplitMix64), so that any low bits sample users evenly."""
    bits = tf.bitcast(users, tf.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint64)))
        bits *= tf.constant(factor, tf.uint64)
    return tf.bitcast(tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(31, tf.uint64))), tf.int64)
