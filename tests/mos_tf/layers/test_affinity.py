import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mos_tf import HistoryAffinity
from tests.support import oracles
from tests.support.sequence_layers import ragged

requests = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 5)), min_size=1, max_size=5)


def ids(rng: np.random.Generator, sizes, high: int) -> list[np.ndarray]:
    return [rng.integers(0, high, size) for size in sizes]


@given(requests, st.integers(0, 2**32 - 1))
def test_affinity_equals_comparing_every_pair(sizes, seed):
    rng = np.random.default_rng(seed)
    lengths, candidates = zip(*sizes, strict=True)
    events = {"item": ids(rng, lengths, 6), "category": ids(rng, lengths, 2)}
    wanted = {"item": ids(rng, candidates, 7), "category": ids(rng, candidates, 3)}
    seconds = [np.sort(rng.integers(1, 40_000_000, n))[::-1] for n in lengths]
    tensors = lambda rows: {name: ragged(value, tf.int64) for name, value in rows.items()}  # noqa: E731
    result = HistoryAffinity(["item", "category"])(
        tensors(events), tensors(wanted), history_time=ragged(seconds, tf.int64)
    )
    for row in range(len(sizes)):
        everything = oracles.affinity(np.zeros(lengths[row]), np.zeros(candidates[row]), seconds[row])
        by_level = [oracles.affinity(events[n][row], wanted[n][row], seconds[row]) for n in ("item", "category")]
        expected = np.concatenate([everything, *by_level], axis=1)
        np.testing.assert_allclose(result[row], expected, rtol=1e-4, atol=1e-5)


def test_numbers_worked_by_hand():
    day = 86_400
    history = ragged([np.array([7, 8, 7])], tf.int64)
    ages = ragged([np.array([21 * day, 3 * day, day])], tf.int64)
    result = HistoryAffinity(["item"])({"item": history}, {"item": tf.constant([7])}, history_time=ages)
    recent, slow = np.exp(-1) + np.exp(-1 / 21), np.exp(-21 / 90) + np.exp(-1 / 90)
    expected = [np.log(3), 2 / 3, np.log(0.01 + recent), np.log(0.01 + slow), np.log(1.01)]
    np.testing.assert_allclose(result[0, 5:], expected, rtol=1e-5)


def test_nothing_matching_is_999_days_ago():
    history, ages = ragged([np.array([], int)], tf.int64), ragged([np.array([], int)], tf.int64)
    result = HistoryAffinity(["item"])({"item": history}, {"item": tf.constant([7])}, history_time=ages)
    np.testing.assert_allclose(result[0, :5], [0, 0, np.log(0.01), np.log(0.01), np.log(999.01)], rtol=1e-5)


def test_two_unknown_items_are_not_the_same_item():
    history, ages = ragged([np.array([5, 5, 1])], tf.int64), ragged([np.array([9, 8, 7])], tf.int64)
    wanted = ragged([np.array([5, 1])], tf.int64)
    affinity = HistoryAffinity(["item"], unknown_ids={"item": 5})
    counts = affinity({"item": history}, {"item": wanted}, history_time=ages)[0][:, 5]
    np.testing.assert_allclose(counts, [0, np.log(2)], rtol=1e-6)


def test_the_age_of_an_old_event_is_exact_to_the_second_under_mixed_precision():
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer = HistoryAffinity(["item"])
        result = layer(
            {"item": ragged([np.array([1])], tf.int64)},
            {"item": tf.constant([1])},
            history_time=ragged([np.array([100_000_000])], tf.int64),
        )
    finally:
        keras.config.set_dtype_policy(previous)
    assert result.dtype == tf.float32
    np.testing.assert_allclose(result[0, 9], np.log(0.01 + min(100_000_000 / 86_400, 999.0)), rtol=1e-6)


def test_other_levels_than_the_layer_has_are_refused():
    rows = ragged([np.array([1])], tf.int64)
    with pytest.raises(ValueError, match=r"exactly the levels \['item'\]. Received: history \['brand'\]"):
        HistoryAffinity(["item"])({"brand": rows}, {"item": rows}, history_time=rows)


def test_padding_matches_nothing_in_its_own_row_or_another():
    history = ragged([np.array([7]), np.array([3, -1]), np.array([3])], tf.int64)
    ages = ragged([np.array([9]), np.array([9, 8]), np.array([9])], tf.int64)
    layer = HistoryAffinity(["item"])
    affinity = layer({"item": history}, {"item": tf.constant([3, -1, -1], tf.int64)}, history_time=ages)
    nothing = [0, 0, np.log(0.01), np.log(0.01), np.log(999.01)]
    np.testing.assert_allclose(affinity[:, 5:], [nothing] * 3, rtol=1e-5)


def test_hashes_of_63_bits_match_what_they_are_equal_to():
    largest = 2**63 - 1
    history = tf.ragged.constant([[1, 2], [largest, 5]], dtype=tf.int64)
    wanted = tf.ragged.constant([[largest, 2], [largest, largest - 1, 5]], dtype=tf.int64)
    ages = history.with_values(tf.constant([9, 8, 7, 6], tf.int64))
    for unknown in ({}, {"item": largest}):
        layer = HistoryAffinity(["item"], unknown_ids=unknown)
        counts = layer({"item": history}, {"item": wanted}, history_time=ages).flat_values[:, 5]
        one = np.log(2)
        np.testing.assert_allclose(counts, [0, one, 0 if unknown else one, 0, one], rtol=1e-6)


@pytest.mark.parametrize("history_dtype", [tf.int32, tf.int64])
def test_ids_that_are_no_integers_are_refused(history_dtype):
    integers, fractions = ragged([np.array([5])], history_dtype), ragged([np.array([5.9])], tf.float32)
    layer, ages = HistoryAffinity(["item"]), ragged([np.array([9])], tf.int64)
    with pytest.raises(ValueError, match="are integers. Received: candidate_ids\\['item'\\] of float32; .*int64"):
        layer({"item": integers}, {"item": fractions}, history_time=ages)
    with pytest.raises(ValueError, match="Received: history_ids\\['item'\\] of float32"):
        layer({"item": fractions}, {"item": integers}, history_time=ages)


@pytest.mark.parametrize("in_a_graph", [False, True])
def test_ids_of_other_rows_than_the_ages_are_refused(in_a_graph):
    rows = lambda *lengths: tf.RaggedTensor.from_row_lengths(tf.ones(sum(lengths), tf.int64), lengths)  # noqa: E731
    layer = HistoryAffinity(["item", "brand"])
    call = lambda *ids: layer(*[{"item": i, "brand": b} for i, b in ids], history_time=rows(1, 1, 1))  # noqa: E731
    call = tf.function(call, reduce_retracing=True) if in_a_graph else call
    right = (rows(1, 1, 1), rows(1, 1, 1))
    assert call(right, right).shape.as_list() == [3, None, 15]
    with pytest.raises(tf.errors.InvalidArgumentError, match="ids of .*brand.* history_time"):
        call((rows(1, 1, 1), rows(2, 0, 1)), right)
    with pytest.raises(tf.errors.InvalidArgumentError, match="ids of .*brand.* candidates of .*item"):
        call(right, (rows(1, 1, 1), rows(0, 2, 1)))


def test_another_number_of_rows_than_of_ages_is_refused():
    one, two = ragged([np.array([1])], tf.int64), ragged([np.array([1])] * 2, tf.int64)
    with pytest.raises(ValueError, match="Received: 2 rows against 1"):
        HistoryAffinity(["item"])({"item": two}, {"item": one}, history_time=one)


def test_events_after_the_request_count_as_of_now():
    history = ragged([np.array([7, 7])], tf.int64)
    of = lambda *ages: HistoryAffinity(["item"])(  # noqa: E731
        {"item": history}, {"item": tf.constant([7])}, history_time=ragged([np.array(ages)], tf.int64)
    )
    np.testing.assert_array_equal(of(86_400, -5_000_000), of(86_400, 0))
    assert np.isfinite(of(86_400, -5_000_000)).all()


@pytest.mark.parametrize("levels", [[], "item", ["item", "item"]])
def test_levels_are_a_list_of_distinct_names(levels):
    with pytest.raises(ValueError, match="distinct names. Received: levels="):
        HistoryAffinity(levels)


def test_it_works_in_a_functional_model_and_reloads(tmp_path):
    inputs = {
        name: keras.Input((None,), dtype="int64", ragged=True, name=name) for name in ("history", "candidates", "time")
    }
    affinity = HistoryAffinity(["item"], time_scales=(1.0, 2.0))(
        {"item": inputs["history"]}, {"item": inputs["candidates"]}, history_time=inputs["time"]
    )
    model = keras.Model(inputs, affinity)
    batch = {
        "history": ragged([np.array([1, 2]), np.array([], int)], tf.int64),
        "candidates": ragged([np.array([2]), np.array([3, 1])], tf.int64),
        "time": ragged([np.array([90_000, 5]), np.array([], int)], tf.int64),
    }
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded(batch).flat_values, model(batch).flat_values)
    assert model(batch).shape.as_list() == [2, None, 10]
