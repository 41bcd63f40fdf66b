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
