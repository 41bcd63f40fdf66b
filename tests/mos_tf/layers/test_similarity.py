import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.layers import HistorySimilarity
from mos_tf.layers.co_occurrence import co_occurrence, positive_pmi, similar_vectors
from mos_tf.ragged import Rows

ITEMS, DIM, DAY = 12, 3, 86_400
requests = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=5)


def layer_of(rng: np.random.Generator, **kwargs) -> HistorySimilarity:
    """A layer with vectors of all items but the unknown one and item 0."""
    layer = HistorySimilarity(ITEMS, dim=DIM, time_scale=20.0, **kwargs)
    vectors = rng.normal(size=(ITEMS, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[[0, ITEMS - 1]] = 0
    layer.vectors.assign(vectors)
    return layer


def one_by_one(vectors, item, event_items, matches, seconds) -> list[float]:
    """Similarity of one candidate at one level, event by event."""
    told = []
    for scale in (np.inf, 20.0):
        total, weights = 0.0, 0.01
        for event, match, age in zip(event_items, matches, seconds, strict=True):
            if match and np.any(vectors[event]):
                weight = np.exp(-age / DAY / scale)
                total += weight * float(vectors[item] @ vectors[event])
                weights += weight
        told.append(total / weights)
    return told


def asked(layer, lengths, candidates, events, wanted, seconds) -> np.ndarray:
    """What the layer says of requests, from (item, category) of flat events and candidates."""
    splits = np.concatenate([[0], np.cumsum(lengths)])
    return layer.match(
        Rows(tf.constant(seconds, tf.int64), tf.constant(splits, tf.int64)),
        tf.constant(events[0], tf.int64),
        tf.constant(wanted[0], tf.int64),
        {"category": tf.constant(events[1], tf.int64)},
        {"category": tf.constant(wanted[1], tf.int64)},
        tf.constant(np.repeat(np.arange(len(lengths)), candidates), tf.int64),
    ).numpy()


def drawn(rng, lengths, candidates):
    """(item, category) of random events and candidates, and the ages of the events in seconds."""
    events, wanted = (rng.integers(0, (ITEMS, 3), (sum(sizes), 2)).T for sizes in (lengths, candidates))
    return events, wanted, rng.integers(-50, 60 * DAY, sum(lengths))


@given(requests, st.integers(0, 2**32 - 1))
def test_similarity_equals_comparing_every_pair(sizes, seed):
    rng = np.random.default_rng(seed)
    layer = layer_of(rng, levels=["category"], unknown_ids={"category": 2})
    lengths, candidates = zip(*sizes, strict=True)
    events, wanted, seconds = drawn(rng, lengths, candidates)
    result = asked(layer, lengths, candidates, events, wanted, seconds)
    vectors, ages = layer.vectors.numpy(), np.maximum(seconds, 0)
    starts, expected, number = np.cumsum((0, *lengths)), [], 0
    for row, count in enumerate(candidates):
        own = slice(starts[row], starts[row + 1])
        for _ in range(count):
            item, category = wanted[:, number]
            same = (events[1][own] == category) & (category != 2)
            told = [one_by_one(vectors, item, events[0][own], match, ages[own]) for match in (np.ones_like(same), same)]
            expected.append(np.concatenate(told))
            number += 1
    np.testing.assert_allclose(result, np.array(expected).reshape(-1, 4), rtol=1e-4, atol=1e-5)


def test_numbers_worked_by_hand():
    layer = HistorySimilarity(4, dim=2, time_scale=20.0)
    layer.vectors.assign([[1, 0], [0.6, 0.8], [0, 1], [0, 0]])
    rows = Rows(tf.constant([20 * DAY, 0], tf.int64), tf.constant([0, 2], tf.int64))
    told = layer.match(rows, tf.constant([1, 2]), tf.constant([0]), {}, {}, tf.constant([0]))
    recent = np.exp(-1)  # of item 1; item 2 is orthogonal to the candidate
    np.testing.assert_allclose(told, [[0.6 / 2.01, 0.6 * recent / (recent + 1.01)]], rtol=1e-5)


def test_without_history_or_vectors_nothing_is_similar():
    layer = layer_of(np.random.default_rng(0))
    rows = Rows(tf.constant([5], tf.int64), tf.constant([0, 0, 1], tf.int64))
    told = layer.match(rows, tf.constant([0]), tf.constant([3, 3]), {}, {}, tf.constant([0, 1]))
    np.testing.assert_array_equal(told, np.zeros((2, 2)))


def test_the_order_of_requests_and_events_makes_no_difference():
    rng = np.random.default_rng(3)
    layer = layer_of(rng, levels=["category"])
    events, wanted, seconds = drawn(rng, (4, 3), (2, 1))
    told = asked(layer, (4, 3), (2, 1), events, wanted, seconds)
    turned = asked(layer, (3, 4), (1, 2), events[:, ::-1], wanted[:, ::-1], seconds[::-1])
    np.testing.assert_allclose(turned[::-1], told, atol=1e-6)


def test_items_that_occur_together_are_near_and_others_are_not():
    rng = np.random.default_rng(0)
    sides = np.repeat(rng.integers(0, 2, 400), 3)  # a group holds items of one half
    items = rng.integers(0, 5, 1200) + 5 * sides
    layer = HistorySimilarity(11, dim=4)
    layer.adapt(np.repeat(np.arange(400), 3), items)
    products = layer.vectors.numpy() @ layer.vectors.numpy().T
    assert layer.num_known == 10
    assert products[:5, :5].min() > 0.5 > 0.2 > np.abs(products[:5, 5:10]).max()
    np.testing.assert_array_equal(layer.vectors.numpy()[10], np.zeros(4))


def test_items_that_avoid_each_other_are_not_taken_for_near():
    """Eigenvalues below 0 say who is never seen with whom: in two camps that only meet across, each item's own camp."""
    camps = np.array([[0, 2], [0, 3], [1, 2], [1, 3]] * 5)
    counts = co_occurrence(np.repeat(np.arange(len(camps)), 2), camps.ravel(), 4)
    vectors = similar_vectors(positive_pmi(counts), 3, seed=0)
    assert vectors[0] @ vectors[2] > 0.99  # those that meet


def test_groups_of_one_item_give_no_vectors():
    layer = HistorySimilarity(5, dim=2)
    layer.adapt(np.arange(4), np.arange(4))
    assert layer.num_known == 0


def test_unknown_items_are_left_out_of_what_is_found():
    layer = HistorySimilarity(4, dim=2)
    layer.adapt(np.array([0, 0, 1, 1]), np.array([0, 3, 1, 3]))
    assert layer.num_known == 0


def test_numbers_are_of_full_precision_under_a_mixed_policy():
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layer = layer_of(np.random.default_rng(0))
        rows = Rows(tf.constant([5], tf.int64), tf.constant([0, 1], tf.int64))
        told = layer.match(rows, tf.constant([3]), tf.constant([3]), {}, {}, tf.constant([0]))
    finally:
        keras.config.set_dtype_policy(previous)
    assert told.dtype == layer.vectors.dtype == tf.float32
    np.testing.assert_allclose(told[0, 0], 1 / 1.01, rtol=1e-5)


def test_a_layer_comes_back_from_its_config():
    layer = HistorySimilarity(9, ["category"], dim=5, time_scale=2.0, unknown_ids={"category": 4}, seed=1)
    again = HistorySimilarity.from_config(layer.get_config())
    assert again.get_config() == layer.get_config() and again.output_dim == 4


@pytest.mark.parametrize("length", [1, 3000])
def test_one_item_many_times_is_as_near_as_once(length):
    layer = layer_of(np.random.default_rng(0))
    rows = Rows(tf.zeros([length], tf.int64), tf.constant([0, length], tf.int64))
    told = layer.match(rows, tf.fill([length], 2), tf.constant([3]), {}, {}, tf.constant([0]))
    product = float(layer.vectors.numpy()[2] @ layer.vectors.numpy()[3])
    np.testing.assert_allclose(told[0], product * length / (length + 0.01), rtol=1e-4)
