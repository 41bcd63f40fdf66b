import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.ragged import (
    Rows,
    join_sums,
    last_events,
    null_softmax,
    pair_rows,
    rank_from_end,
    regroup_rows,
    row_ids,
    row_lengths,
)

lengths = st.lists(st.integers(0, 6), min_size=1, max_size=6)


def rows_of(sizes: list[int]) -> Rows:
    return Rows(tf.range(sum(sizes), dtype=tf.float32), splits_of(sizes))


def splits_of(sizes: list[int]) -> tf.Tensor:
    return tf.constant(np.concatenate([[0], np.cumsum(sizes)]), tf.int64)


def as_lists(rows: Rows) -> list[list[float]]:
    splits = rows.splits.numpy()
    return [rows.values.numpy()[a:b].tolist() for a, b in zip(splits[:-1], splits[1:], strict=True)]


def test_a_dense_tensor_is_one_value_a_row():
    rows = Rows.of(tf.constant([[1.0], [2.0]]))
    assert rows.splits.numpy().tolist() == [0, 1, 2]
    assert int(rows.num_rows) == 2


@given(lengths)
def test_rows_know_their_ids_lengths_and_ranks(sizes):
    splits = splits_of(sizes)
    assert row_lengths(splits).numpy().tolist() == sizes
    assert row_ids(splits).numpy().tolist() == [r for r, n in enumerate(sizes) for _ in range(n)]
    assert rank_from_end(splits).numpy().tolist() == [n - 1 - t for n in sizes for t in range(n)]


@given(lengths, st.integers(0, 4))
def test_the_last_events_are_the_end_of_each_row(sizes, n):
    rows = rows_of(sizes)
    assert as_lists(last_events(rows, n)) == [row[max(len(row) - n, 0) :] for row in as_lists(rows)]


@given(lengths, st.integers(1, 4), st.randoms(use_true_random=False))
def test_regrouping_keeps_every_event_once_and_in_order(sizes, groups, random):
    rows = rows_of(sizes)
    group = [random.randrange(groups) for _ in range(sum(sizes))]
    expected, position = [], 0
    for row in as_lists(rows):
        own = group[position : position + len(row)]
        position += len(row)
        expected += [[value for value, g in zip(row, own, strict=True) if g == k] for k in range(groups)]
    assert as_lists(regroup_rows(rows, tf.constant(group, tf.int32), groups)) == expected


@given(lengths, st.lists(st.integers(0, 5), max_size=6))
def test_each_candidate_is_paired_with_every_event_of_its_row(sizes, wanted):
    wanted = [row % len(sizes) for row in wanted]
    pairs = pair_rows(splits_of(sizes), tf.constant(wanted, tf.int64))
    starts = np.concatenate([[0], np.cumsum(sizes)])
    expected = [(starts[row] + t, c) for c, row in enumerate(wanted) for t in range(sizes[row])]
    assert list(zip(pairs.event.numpy().tolist(), pairs.candidate.numpy().tolist(), strict=True)) == expected


@given(lengths, st.integers(0, 2**32 - 1))
def test_softmax_weights_and_null_weight_sum_to_one(sizes, seed):
    scores = np.random.default_rng(seed).normal(scale=30, size=(sum(sizes), 2)).astype(np.float32)
    null = np.array([0.5, -1.0], np.float32)
    result = null_softmax(tf.constant(scores), row_ids(splits_of(sizes)), len(sizes), tf.constant(null))
    start = 0
    for row, size in enumerate(sizes):
        keyed = np.concatenate([scores[start : start + size], null[None]]).astype(np.float64)
        peak = keyed.max(axis=0)
        total = np.exp(keyed - peak).sum(axis=0)
        share = np.exp(keyed - peak) / total
        np.testing.assert_allclose(result.weights[start : start + size], share[:-1], atol=1e-5)
        np.testing.assert_allclose(result.null_weight[row], share[-1], atol=1e-5)
        np.testing.assert_allclose(result.logsumexp[row], peak + np.log(total), rtol=1e-5, atol=1e-5)
        start += size


def test_the_gradient_of_the_softmax_is_the_numerical_one():
    scores = tf.constant(np.random.default_rng(0).normal(size=(5, 1)))
    segments = tf.constant([0, 0, 2, 2, 2], tf.int64)
    pull = tf.constant([[1.0], [-2.0], [0.5], [3.0], [1.5]], tf.float64)

    def loss(scores, null):
        result = null_softmax(scores, segments, 3, null)
        return (
            tf.reduce_sum(result.weights * pull) + tf.reduce_sum(result.logsumexp) + tf.reduce_sum(result.null_weight)
        )

    analytic, numerical = tf.test.compute_gradient(loss, [scores, tf.constant([0.3], tf.float64)])
    for a, n in zip(analytic, numerical, strict=True):
        np.testing.assert_allclose(a, n, atol=1e-6)


@given(lengths, st.lists(st.integers(0, 4), min_size=6, max_size=6), st.integers(0, 2**32 - 1))
def test_a_join_equals_comparing_every_pair(sizes, candidate_sizes, seed):
    rng = np.random.default_rng(seed)
    candidate_sizes = candidate_sizes[: len(sizes)]
    event_ids, candidate_ids = rng.integers(0, 4, sum(sizes)), rng.integers(0, 5, sum(candidate_sizes))
    event_rows = row_ids(splits_of(sizes)).numpy()
    candidate_rows = row_ids(splits_of(candidate_sizes)).numpy()
    values, keys = rng.normal(size=(sum(sizes), 2)), rng.normal(size=sum(sizes))
    joined = join_sums(
        *map(tf.constant, (event_ids, event_rows, candidate_ids, candidate_rows)),
        tf.constant(values, tf.float32),
        tf.constant(keys, tf.float32),
    )
    for c, (wanted, row) in enumerate(zip(candidate_ids, candidate_rows, strict=True)):
        match = (event_ids == wanted) & (event_rows == row)
        np.testing.assert_allclose(joined.sums[c], values[match].sum(axis=0), atol=1e-5)
        np.testing.assert_allclose(joined.least[c], keys[match].min(initial=np.inf), rtol=1e-6)
