"""`UserAUC`: base of the metrics that average AUC over users, streaming and bounded in memory."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

_MOST_HALVINGS = 63  # after which nobody is left: an int64 mask has no more bits to tell users apart by


class UserAUC(keras.metrics.Metric):
    """Weighted mean of the users' AUC; a subclass says in `user_weights` what a user counts.

    Ties count half. Users with one class are left out: `one_class_users` says how many. The result is exact up to
    `capacity` candidates. Beyond it the metric keeps a uniform sample of users: whenever the buffer is full it drops
    half of the users, by their hash, and goes on with the rest, so memory stays at 16 bytes x capacity and no user is
    ever counted in part. 0.0 without a user of both classes; NaN where the sampling leaves nobody, as it does where one
    user has more candidates than `capacity`.
    """

    def __init__(self, capacity: int = 2**19, **kwargs: Any):
        super().__init__(**kwargs)
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
            raise ValueError(
                f"{type(self).__name__} needs the user of each candidate. Received: groups=None; pass int64 user hashes"
            )
        labels = tf.reshape(tf.cast(y_true, tf.float32), [-1])
        scores = tf.reshape(tf.cast(y_pred, tf.float32), [-1])
        users = tf.reshape(tf.cast(groups, tf.int64), [-1])
        tf.debugging.assert_less_equal(
            tf.size(users),
            self.capacity,
            message=f"{type(self).__name__}: one batch must fit into capacity; raise capacity",
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
        sampled = (tf.bitwise.bitwise_and(_mix(state[2]), mask) == 0) & (halvings < _MOST_HALVINGS)
        return tuple(tf.boolean_mask(values, sampled) for values in state)

    def user_weights(self, candidates: tf.Tensor) -> tf.Tensor:
        """Returns what each user counts, float64 [users], by the number of the user's candidates, float64 [users]."""
        raise NotImplementedError

    def result(self) -> tf.Tensor:
        users = self._users()
        weights = tf.where(users.both_classes, self.user_weights(users.candidates), 0.0)
        mean = tf.math.divide_no_nan(tf.reduce_sum(weights * users.auc), tf.reduce_sum(weights))
        nobody_left = (self.size.value == 0) & (self.halvings.value > 0)
        return tf.where(nobody_left, tf.constant(float("nan"), mean.dtype), mean)

    def one_class_users(self) -> tf.Tensor:
        """Returns how many of the users kept are left out, as AUC is not defined on one class, int64 scalar."""
        return tf.math.count_nonzero(~self._users().both_classes)

    def _users(self) -> "_Users":
        size = self.size.value
        return _users(self.labels.value[:size], self.scores.value[:size], self.groups.value[:size])

    def reset_state(self) -> None:
        self.size.assign(0)
        self.halvings.assign(0)

    def get_config(self) -> dict:
        return {**super().get_config(), "capacity": self.capacity}


class _Users(NamedTuple):
    auc: tf.Tensor  # float64 [users]; 0 where undefined
    candidates: tf.Tensor  # float64 [users]
    both_classes: tf.Tensor  # bool [users]


def _users(labels: tf.Tensor, scores: tf.Tensor, groups: tf.Tensor) -> _Users:
    """Returns AUC and candidates of each distinct group of flat labels and scores.

    By ranks (Mann-Whitney): AUC_u = (Σ ranks of positives − P(P + 1)/2) / (P · N), tied scores sharing their mean rank.
    In float64: the ranks of 10⁵ candidates already sum beyond what float32 tells apart.
    """
    order = tf.argsort(scores, stable=True)
    order = tf.gather(order, tf.argsort(tf.gather(groups, order), stable=True))
    labels, scores = tf.cast(tf.gather(labels, order), tf.float64), tf.gather(scores, order)
    _, group = tf.unique(tf.gather(groups, order), out_idx=tf.int64)
    num_groups = tf.reduce_max(tf.concat([group, [-1]], axis=0)) + 1
    candidates = tf.math.unsorted_segment_sum(tf.ones_like(labels), group, num_groups)
    starts = tf.cumsum(candidates, exclusive=True)
    rank = tf.cast(tf.range(tf.size(scores)), tf.float64) - tf.gather(starts, group) + 1.0
    changed = (scores[1:] != scores[:-1]) | (group[1:] != group[:-1])
    tie = tf.cumsum(tf.concat([tf.zeros_like(group[:1]), tf.cast(changed, tf.int64)], axis=0))
    num_ties = tf.reduce_max(tf.concat([tie, [-1]], axis=0)) + 1
    rank = tf.gather(tf.math.unsorted_segment_mean(rank, tie, num_ties), tie)
    positives = tf.math.unsorted_segment_sum(labels, group, num_groups)
    negatives = candidates - positives
    ranks = tf.math.unsorted_segment_sum(rank * labels, group, num_groups)
    auc = tf.math.divide_no_nan(ranks - positives * (positives + 1.0) / 2.0, positives * negatives)
    return _Users(auc, candidates, (positives > 0) & (negatives > 0))


def _mix(users: tf.Tensor) -> tf.Tensor:
    """Spreads int64 user ids over all bits (SplitMix64), so that any low bits sample users evenly."""
    # The bits of 0 would all stay 0, and user 0 in every sample, but for the addend.
    bits = tf.bitcast(users, tf.uint64) + tf.constant(0x9E3779B97F4A7C15, tf.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint64)))
        bits *= tf.constant(factor, tf.uint64)
    return tf.bitcast(tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(31, tf.uint64))), tf.int64)
