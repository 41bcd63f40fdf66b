import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mos_tf.ragged import Rows, tile_rows
from mos_tf.ragged.scan import final_states, selective_scan, tile_before

WIDTH, INNER, STATE = 4, 3, 2


def random_case(lengths, seed=0):
    """splits and (x, Δ, A, B, C)."""
    rng = np.random.default_rng(seed)
    n = sum(lengths)
    normal = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    delta, decay = np.log1p(np.exp(normal(n, INNER))), -np.exp(normal(STATE, INNER))
    splits = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return splits, (normal(n, INNER), delta, decay, normal(n, STATE), normal(n, STATE))


def event_by_event(splits, x, delta, decay, write, read):
    """(y [N, inner], states [R, state, inner]) from the recurrence, event after event, in the tensors' dtype."""
    outputs, finals = [tf.zeros([0, decay.shape[1]], decay.dtype)], []
    for start, end in zip(splits[:-1], splits[1:], strict=True):
        state = tf.zeros(decay.shape, decay.dtype)
        for t in range(start, end):
            state = tf.exp(delta[t] * decay) * state + write[t][:, None] * (delta[t] * x[t])
            outputs.append(tf.reduce_sum(read[t][:, None] * state, axis=0)[None])
        finals.append(state)
    return tf.concat(outputs, axis=0), tf.stack(finals)


@tf.function(reduce_retracing=True)
def in_tiles(splits, x, delta, decay, write, read):
    tiles = tile_rows(Rows(x, splits), width=WIDTH)
    x, delta, write, read = (tiles.cut(values) for values in (x, delta, write, read))
    return tiles.join(selective_scan(tiles, x, delta, decay, write, read)), final_states(tiles, x, delta, decay, write)


def gradients(function, splits, values, weights, which):
    values = [tf.constant(v) for v in values]
    with tf.GradientTape() as tape:
        tape.watch(values)
        loss = tf.reduce_sum(function(splits, *values)[which] * weights)
    return tape.gradient(loss, values, unconnected_gradients="zero")


@settings(deadline=None, max_examples=12)
@given(st.lists(st.integers(0, 20), min_size=1, max_size=6), st.integers(0, 100))
def test_a_scan_over_tiles_equals_the_recurrence_event_by_event(lengths, seed):
    splits, values = random_case(lengths, seed)
    outputs, finals = in_tiles(tf.constant(splits), *map(tf.constant, values))
    expected_outputs, expected_finals = event_by_event(splits, *(tf.constant(v, tf.float64) for v in values))
    np.testing.assert_allclose(outputs, expected_outputs, atol=1e-5)
    np.testing.assert_allclose(finals, expected_finals, atol=1e-5)


@pytest.mark.parametrize("which", [0, 1], ids=["selective_scan", "final_states"])
def test_gradients_equal_those_of_the_recurrence(which):
    splits, values = random_case([3, 0, 21, 4, 1, 9])
    shape = (38, INNER) if which == 0 else (6, STATE, INNER)
    weights = np.random.default_rng(5).normal(size=shape)
    ours = gradients(in_tiles, tf.constant(splits), values, weights.astype(np.float32), which)
    expected = gradients(event_by_event, splits, [v.astype(np.float64) for v in values], weights, which)
    for gradient, slow in zip(ours, expected, strict=True):
        np.testing.assert_allclose(gradient, slow, atol=2e-5)


@pytest.mark.parametrize("which", [0, 1], ids=["selective_scan", "final_states"])
def test_gradients_equal_finite_differences(which):
    splits, values = random_case([5, 11])
    splits = tf.constant(splits)
    weights = np.random.default_rng(5).normal(size=(16, INNER) if which == 0 else (2, STATE, INNER)).astype(np.float32)
    loss = lambda moved: float(tf.reduce_sum(in_tiles(splits, *moved)[which] * weights))  # noqa: E731
    for position, gradient in enumerate(gradients(in_tiles, splits, values, weights, which)):
        direction = np.random.default_rng(position).normal(size=gradient.shape).astype(np.float32)
        sides = []
        for step in (1e-2, -1e-2):
            moved = [tf.constant(v) for v in values]
            moved[position] += step * direction
            sides.append(loss(moved))
        np.testing.assert_allclose(np.sum(gradient * direction), (sides[0] - sides[1]) / 2e-2, rtol=1e-2, atol=1e-2)


def test_a_row_of_100_000_events_stays_finite_and_forgets_only_what_decays():
    """Without decay the state is a sum over the whole row; with steps so long that exp(Δ A) = 0, the last event."""
    n = 100_000
    ones = tf.ones([n, 1])
    tiles = tile_rows(Rows(ones, tf.constant([0, n], tf.int64)))
    events = tiles.cut(ones)
    for decay, expected in ((0.0, n), (-1e4, 1.0), (np.log(0.5), 2.0)):
        decay = tf.fill([1, 1], tf.cast(decay, tf.float32))
        with tf.GradientTape() as tape:
            tape.watch(decay)
            state = final_states(tiles, events, events, decay, events)
        np.testing.assert_allclose(state[0, 0, 0], expected, rtol=1e-5)
        assert np.isfinite(tape.gradient(state, decay)).all()
        outputs = selective_scan(tiles, events, events, decay, events, events)
        np.testing.assert_allclose(tiles.join(outputs)[-1, 0], expected, rtol=1e-5)


def test_rows_without_events_have_no_tile_and_a_state_of_zero():
    splits, values = random_case([0, 0])
    outputs, finals = in_tiles(tf.constant(splits), *map(tf.constant, values))
    assert outputs.shape == (0, INNER)
    np.testing.assert_array_equal(finals, np.zeros((2, STATE, INNER)))


def test_the_tile_before_is_of_the_same_row():
    tiles = tile_rows(Rows(tf.zeros([15]), tf.constant([0, 3, 3, 15], tf.int64)), width=WIDTH)
    values = tf.constant([[1.0], [2.0], [3.0], [4.0]])
    np.testing.assert_array_equal(tile_before(tiles, values), [[0.0], [0.0], [2.0], [3.0]])
