import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.ragged import (
    Rows,
    join,
    keep,
    last_events,
    matching_rows,
    null_softmax,
    pair_rows,
    rank_from_end,
    regroup_rows,
    row_ids,
    row_lengths,
    row_means,
    rows_where,
    tile_rows,
    top_k_events,
)
from mos_tf.ragged.backend import segment_sum, spread

lengths = st.lists(st.integers(0, 6), min_size=1, max_size=6)


def rows_of(sizes: list[int]) -> Rows:
    return Rows(tf.range(sum(sizes), dtype=tf.float32), splits_of(sizes))


def splits_of(sizes: list[int]) -> tf.Tensor:
    return tf.constant(np.concatenate([[0], np.cumsum(sizes)]), tf.int64)


def as_lists(rows: Rows) -> list[list[float]]:
    splits = rows.splits.numpy()
    return [rows.values.numpy()[a:b].tolist() for a, b in zip(splits[:-1], splits[1:], strict=True)]


def check_gradient(function, values: tf.Tensor) -> None:
    """The analytic gradient of a function of float64 values is the numerical one."""
    pull = tf.constant(np.random.default_rng(7).normal(size=function(values).shape))
    analytic, numerical = tf.test.compute_gradient(lambda v: tf.reduce_sum(function(v) * pull), [values])
    np.testing.assert_allclose(analytic[0], numerical[0], atol=1e-6)


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
    recent = last_events(rows, n).rows(rows.values)
    assert as_lists(recent) == [row[max(len(row) - n, 0) :] for row in as_lists(rows)]


@given(lengths, st.randoms(use_true_random=False))
def test_what_is_kept_can_be_put_back_where_it_was(sizes, random):
    rows = rows_of(sizes)
    mask = np.array([random.random() < 0.5 for _ in range(sum(sizes))], bool)
    selection = keep(rows, tf.constant(mask))
    kept = selection.rows(rows.values + 1)
    assert kept.values.numpy().tolist() == (np.flatnonzero(mask) + 1.0).tolist()
    assert selection.restore(kept.values).numpy().tolist() == np.where(mask, np.arange(len(mask)) + 1.0, 0.0).tolist()


def test_gradients_through_a_selection_and_back_are_the_numerical_ones():
    rows = rows_of([3, 0, 4])
    mask = tf.constant([True, False, True, False, False, True, True])
    values = tf.constant(np.random.default_rng(0).normal(size=(7, 2)))
    selection = keep(rows, mask)
    check_gradient(lambda v: selection.rows(v).values, values)
    check_gradient(lambda v: selection.restore(selection.rows(v).values * 2.0), values)


@given(lengths, st.integers(1, 5))
def test_tiles_hold_every_event_once_in_order_and_come_apart_again(sizes, width):
    rows = rows_of(sizes)
    tiles = tile_rows(rows, width)
    expected = [row[start : start + width] for row in as_lists(rows) for start in range(0, len(row), width)]
    assert [
        values[valid].tolist()
        for values, valid in zip(tiles.cut(rows.values).numpy(), tiles.valid.numpy(), strict=True)
    ] == expected
    assert tiles.join(tiles.cut(rows.values)).numpy().tolist() == rows.values.numpy().tolist()
    owners = [r for r, n in enumerate(sizes) for _ in range(0, n, width)]
    assert tiles.row.numpy().tolist() == owners
    assert tiles.rank.numpy()[tiles.valid.numpy()].tolist() == rank_from_end(rows.splits).numpy().tolist()


def test_gradients_through_tiles_and_back_are_the_numerical_ones():
    tiles = tile_rows(rows_of([3, 0, 4]), 2)
    values = tf.constant(np.random.default_rng(0).normal(size=(7, 2)))
    check_gradient(lambda v: tiles.mask(tiles.cut(v)), values)
    check_gradient(lambda v: tiles.join(tiles.cut(v) * 3.0), values)


@given(lengths, st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_the_top_k_of_each_row_are_its_highest_scores_the_earlier_first(sizes, k, seed):
    rows = rows_of(sizes)
    scores = np.random.default_rng(seed).integers(0, 3, sum(sizes)).astype(np.float32)
    selection = top_k_events(rows, tf.constant(scores), k)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    expected = [
        sorted(range(start, start + size), key=lambda i: (-scores[i], i))[:k]
        for start, size in zip(starts[:-1], sizes, strict=True)
    ]
    assert as_lists(selection.rows(rows.values)) == [[float(i) for i in row] for row in expected]
    chosen = sorted(i for row in expected for i in row)
    assert np.flatnonzero(selection.place.numpy() >= 0).tolist() == chosen
    assert selection.index.numpy()[selection.place.numpy()[chosen]].tolist() == chosen


@given(lengths, st.integers(1, 4), st.randoms(use_true_random=False))
def test_regrouping_keeps_every_event_once_and_in_order(sizes, groups, random):
    rows = rows_of(sizes)
    group = [random.randrange(groups) for _ in range(sum(sizes))]
    expected, position = [], 0
    for row in as_lists(rows):
        own = group[position : position + len(row)]
        position += len(row)
        expected += [[value for value, g in zip(row, own, strict=True) if g == k] for k in range(groups)]
    regrouped = regroup_rows(rows, tf.constant(group, tf.int32), groups)
    assert as_lists(regrouped.rows(rows.values)) == expected
    assert regrouped.restore(regrouped.rows(rows.values).values).numpy().tolist() == rows.values.numpy().tolist()


@given(
    lengths, st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), max_size=8), st.randoms(use_true_random=False)
)
def test_matching_rows_give_each_candidate_the_events_of_its_row_in_its_group(sizes, wanted, random):
    rows = rows_of(sizes)
    groups = [random.randrange(3) for _ in range(sum(sizes))]
    asked = [(row % len(sizes), group) for row, group in wanted]
    selection, candidate_rows = matching_rows(
        rows,
        tf.constant(groups, tf.int32),
        tf.constant([group for _, group in asked], tf.int32),
        tf.constant([row for row, _ in asked], tf.int64),
    )
    found = as_lists(selection.rows(rows.values))
    assert len(found) == len(set(asked))  # candidates that ask for the same share it, the rest is left out
    owners = row_ids(rows.splits).numpy()
    for (row, group), own in zip(asked, candidate_rows.numpy(), strict=True):
        events = [float(i) for i in range(sum(sizes)) if owners[i] == row and groups[i] == group]
        assert found[own] == events


@given(lengths, st.randoms(use_true_random=False))
def test_matching_rows_of_one_candidate_each_stay_in_place(sizes, random):
    rows = rows_of(sizes)
    groups = [random.randrange(2) for _ in range(sum(sizes))]
    asked = [random.randrange(2) for _ in sizes]
    selection, candidate_rows = matching_rows(rows, tf.constant(groups, tf.int32), tf.constant(asked, tf.int32))
    assert candidate_rows is None
    owners = row_ids(rows.splits).numpy()
    assert as_lists(selection.rows(rows.values)) == [
        [float(i) for i in range(sum(sizes)) if owners[i] == row and groups[i] == asked[row]]
        for row in range(len(sizes))
    ]


@given(lengths, st.randoms(use_true_random=False))
def test_whole_rows_are_kept_and_the_others_gone(sizes, random):
    rows = rows_of(sizes)
    mask = [random.random() < 0.5 for _ in sizes]
    chosen = rows_where(rows, tf.constant(mask))
    assert as_lists(chosen.rows(rows.values)) == [row for row, keep in zip(as_lists(rows), mask, strict=True) if keep]


@given(lengths, st.integers(1, 3))
def test_a_segment_s_sum_and_its_spread_are_each_other_s_gradient(sizes, behind):
    """Every third segment is left out, as rows without events are, and some more behind the last."""
    segments = tf.constant(np.repeat(3 * np.arange(len(sizes)) + 1, sizes), tf.int64)
    num_segments = 3 * len(sizes) + 1 + behind
    values, of_segments = tf.random.normal([sum(sizes), 2]), tf.random.normal([num_segments, 2])
    expected = np.zeros((num_segments, 2), np.float32)
    np.add.at(expected, segments.numpy(), values.numpy())
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([values, of_segments])
        sums = segment_sum(values, segments, tf.constant(num_segments, tf.int64))
        spreads = spread(of_segments, segments)
    np.testing.assert_allclose(sums, expected, atol=1e-5)
    np.testing.assert_array_equal(spreads, of_segments.numpy()[segments.numpy()])
    np.testing.assert_array_equal(tape.gradient(sums, values, of_segments), spreads)
    np.testing.assert_allclose(tape.gradient(spreads, of_segments, values), expected, atol=1e-5)


@given(lengths, st.lists(st.integers(0, 5), max_size=6))
def test_each_candidate_is_paired_with_every_event_of_its_row(sizes, wanted):
    wanted = [row % len(sizes) for row in wanted]
    pairs = pair_rows(splits_of(sizes), tf.constant(wanted, tf.int64))
    starts = np.concatenate([[0], np.cumsum(sizes)])
    expected = [(starts[row] + t, c) for c, row in enumerate(wanted) for t in range(sizes[row])]
    assert list(zip(pairs.member.numpy().tolist(), pairs.candidate.numpy().tolist(), strict=True)) == expected


@given(lengths, st.integers(0, 2**32 - 1))
def test_softmax_weights_and_null_weight_sum_to_one(sizes, seed):
    scores = np.random.default_rng(seed).normal(scale=30, size=(sum(sizes), 2)).astype(np.float32)
    null = np.array([0.5, -1.0], np.float32)
    rows = Rows(tf.constant(scores), splits_of(sizes))
    tiles = tile_rows(rows, 2)
    result = null_softmax(tiles.cut(rows.values), tiles.valid, tiles.row, len(sizes), tf.constant(null))
    weights = tiles.join(result.weights)
    start = 0
    for row, size in enumerate(sizes):
        keyed = np.concatenate([scores[start : start + size], null[None]]).astype(np.float64)
        peak = keyed.max(axis=0)
        total = np.exp(keyed - peak).sum(axis=0)
        share = np.exp(keyed - peak) / total
        np.testing.assert_allclose(weights[start : start + size], share[:-1], atol=1e-5)
        np.testing.assert_allclose(result.null_weight[row], share[-1], atol=1e-5)
        np.testing.assert_allclose(result.logsumexp[row], peak + np.log(total), rtol=1e-5, atol=1e-5)
        start += size


def test_the_gradient_of_the_softmax_is_the_numerical_one():
    rows = Rows(tf.constant(np.random.default_rng(0).normal(size=(5, 1))), splits_of([2, 0, 3]))
    tiles = tile_rows(rows, 2)
    null = tf.constant([0.3], tf.float64)

    def softmax(scores, null):
        return null_softmax(tiles.cut(scores), tiles.valid, tiles.row, 3, null)

    check_gradient(lambda scores: tiles.join(softmax(scores, null).weights), rows.values)
    check_gradient(lambda scores: softmax(scores, null).logsumexp, rows.values)
    check_gradient(lambda scores: softmax(scores, null).null_weight, rows.values)
    check_gradient(lambda null: softmax(rows.values, null).null_weight, null)


@given(lengths, st.lists(st.integers(0, 4), min_size=6, max_size=6), st.integers(0, 2**32 - 1), st.booleans())
def test_a_join_equals_comparing_every_pair_of_what_is_no_padding(sizes, candidate_sizes, seed, hashed):
    rng = np.random.default_rng(seed)
    candidate_sizes = candidate_sizes[: len(sizes)]
    event_ids, candidate_ids = rng.integers(-1, 4, sum(sizes)), rng.integers(-2, 5, sum(candidate_sizes))
    if hashed:  # ids that no product with a row fits beside
        event_ids, candidate_ids = (np.where(ids < 0, ids, 2**63 - 1 - ids) for ids in (event_ids, candidate_ids))
    event_rows = row_ids(splits_of(sizes)).numpy()
    candidate_rows = row_ids(splits_of(candidate_sizes)).numpy()
    values, keys = rng.normal(size=(sum(sizes), 2)), rng.normal(size=sum(sizes))
    matching = join(*map(tf.constant, (event_ids, event_rows, candidate_ids, candidate_rows)))
    joined = matching.matched(tf.constant(values, tf.float32), tf.constant(keys, tf.float32))
    for c, (wanted, row) in enumerate(zip(candidate_ids, candidate_rows, strict=True)):
        match = (event_ids == wanted) & (event_rows == row) & (wanted >= 0)
        np.testing.assert_allclose(joined.sums[c], values[match].sum(axis=0), atol=1e-5)
        np.testing.assert_allclose(joined.least[c], keys[match].min(initial=np.inf), rtol=1e-6)


@given(lengths)
def test_a_row_s_mean_is_that_of_its_values_and_of_no_values_zero(sizes):
    rows = rows_of(sizes)
    expected = [np.mean(row) if row else 0.0 for row in as_lists(rows)]
    np.testing.assert_allclose(row_means(Rows(rows.values[:, None], rows.splits))[:, 0], expected, atol=1e-5)
