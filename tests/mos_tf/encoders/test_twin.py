import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mos_tf.encoders import TWIN
from mos_tf.ragged import Rows
from tests.support.on_jax import check_on_jax
from tests.support.oracles_twin import twin
from tests.support.sequence_layers import DIM, check_sequence_layer, disturb


def test_twin_holds_what_every_sequence_layer_promises(tmp_path):
    check_sequence_layer(lambda: TWIN(num_selected=5, num_heads=2), tmp_path, oracle=twin)


@pytest.mark.slow
def test_twin_gives_the_same_on_jax(tmp_path):
    check_on_jax(lambda: TWIN(num_selected=5, num_heads=2), tmp_path)


@settings(max_examples=25)
@given(st.lists(st.sampled_from([0, 1, 31, 33, 70, 700]), min_size=1, max_size=4), st.integers(1, 9), st.data())
def test_the_search_finds_each_candidates_best_whatever_the_rounds_it_takes(lengths, num_selected, data):
    """With k = 1 the rounds meet at 32 and 512 events, so 700 take all three; 9 candidates of a row fill two blocks."""
    rows = data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=20))
    layer = _layer(num_selected=num_selected)
    disturb(layer)
    rng = np.random.default_rng(sum(lengths))
    history = [rng.normal(size=(length, DIM)).astype(np.float32) for length in lengths]
    candidates = rng.normal(size=(len(rows), DIM)).astype(np.float32)
    splits = tf.constant(np.cumsum([0, *lengths]), tf.int64)
    events = Rows(tf.constant(np.concatenate(history)), splits)
    vectors = layer.encode(events, tf.constant(candidates), tf.constant(rows, tf.int64)).vectors
    for vector, row, candidate in zip(vectors, rows, candidates, strict=True):
        np.testing.assert_allclose(vector, twin(layer, history[row], candidate[None])[0], atol=5e-5)


def test_of_equally_relevant_events_the_earlier_are_selected():
    layer = _layer(num_selected=2, num_heads=1)
    layer.key.kernel.assign(np.zeros((DIM, DIM)))
    layer.value.kernel.assign(np.eye(DIM))
    vectors = layer.encode(_row(np.diag(np.arange(1.0, DIM + 1))), tf.ones([1, DIM])).vectors
    np.testing.assert_allclose(vectors, [[1 / 3, 2 / 3, 0, 0, 0, 0, 0, 0]], atol=1e-6)  # the null key weighs 1 / 3


def test_an_event_is_as_relevant_as_it_is_to_the_head_it_speaks_to_most():
    """Heads read the halves of an event. The first has 3 for one head and -9 for the other, the second 1 for both."""
    layer = _layer(num_selected=1, num_heads=2)
    for projection in (layer.query, layer.key, layer.value):
        projection.kernel.assign(np.eye(DIM))
    layer.recency_slope.assign([0.0, 0.0])
    candidate = np.zeros((1, DIM))
    candidate[0, [0, 4]] = np.sqrt(DIM / 2)  # undoes the scale
    events = np.zeros((2, DIM))
    events[0, [0, 4]], events[1, [0, 4]] = [3, -9], [1, 1]
    vectors = layer.encode(_row(events), tf.constant(candidate, tf.float32)).vectors
    first, second = 1 / (1 + np.exp(-3)), 1 / (1 + np.exp(9))
    np.testing.assert_allclose(vectors, [[3 * first, 0, 0, 0, -9 * second, 0, 0, 0]], atol=1e-5)


def test_only_the_selected_events_are_trained():
    layer = _layer(num_selected=3)
    events = tf.random.stateless_normal([200, DIM], seed=(0, 0))
    with tf.GradientTape() as tape:
        tape.watch(events)
        vectors = layer.encode(Rows(events, tf.constant([0, 200], tf.int64)), tf.ones([1, DIM])).vectors
        loss = tf.reduce_sum(tf.sin(vectors))
    gradient = np.asarray(tf.convert_to_tensor(tape.gradient(loss, events)))
    assert np.any(gradient != 0, axis=1).sum() == 3


def test_an_empty_history_gives_the_null_value_and_full_null_weight():
    layer = _layer()
    layer.null_value.assign(np.arange(DIM))
    for rows in (None, tf.constant([0], tf.int64)):
        encoded = layer.encode(_row(np.zeros((0, DIM))), tf.ones([1, DIM]), rows)
        np.testing.assert_allclose(encoded.vectors[0], np.arange(DIM))
        np.testing.assert_allclose(encoded.evidence[0], [0.0, 0.0, 1.0, 1.0])


def test_age_discounts_an_event_only_where_times_are_given():
    layer = _layer(num_heads=1)
    layer.key.kernel.assign(np.zeros((DIM, DIM)))
    layer.age_slope.assign([1.0])
    history = _row(np.ones((1, DIM)))
    dated = layer.encode(history, tf.ones([1, DIM]), None, tf.constant([3 * 86400], tf.int64))
    undated = layer.encode(history, tf.ones([1, DIM]))
    np.testing.assert_allclose(dated.evidence[0], [np.log(1 + 1 / 4), 1 / (1 + 1 / 4)], atol=1e-6)
    np.testing.assert_allclose(undated.evidence[0], [np.log(2), 1 / 2], atol=1e-6)


def test_a_hundred_thousand_events_in_one_row_stay_finite():
    layer = _layer(num_selected=50)
    history = Rows(tf.random.stateless_normal([100_000, DIM], seed=(0, 0)), tf.constant([0, 100_000], tf.int64))
    encoded = layer.encode(history, tf.ones([3, DIM]), tf.zeros([3], tf.int64))
    assert np.isfinite(encoded.vectors).all() and np.isfinite(encoded.evidence).all()


def test_heads_must_divide_the_output():
    with pytest.raises(ValueError, match=r"output_dim=9, num_heads=4"):
        TWIN(output_dim=9).build((None, None, DIM), (None, None, DIM))


def test_there_must_be_something_to_select():
    with pytest.raises(ValueError, match="num_selected=0"):
        TWIN(num_selected=0)


def _layer(num_selected: int = 5, num_heads: int = 2) -> TWIN:
    layer = TWIN(num_selected=num_selected, num_heads=num_heads)
    layer.build((None, None, DIM), (None, None, DIM))
    return layer


def _row(events: np.ndarray) -> Rows:
    return Rows(tf.constant(events, tf.float32), tf.constant([0, len(events)], tf.int64))
