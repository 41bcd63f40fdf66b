import keras
import numpy as np
import pytest
import tensorflow as tf

from mos_tf.encoders.hstu import HSTU
from mos_tf.ragged import Rows
from mos_tf.ragged.tile_attention import MOST_EVENTS
from tests.support.on_jax import check_on_jax
from tests.support.oracles_hstu import hstu
from tests.support.sequence_layers import DIM, Case, call, check_sequence_layer, disturbed


def test_hstu_holds_what_every_sequence_layer_promises(tmp_path):
    check_sequence_layer(HSTU, tmp_path, oracle=hstu)


@pytest.mark.slow
def test_hstu_gives_the_same_on_jax(tmp_path):
    check_on_jax(HSTU, tmp_path)


@pytest.mark.parametrize("with_time", [True, False])
@pytest.mark.parametrize("num_layers", [1, 3])
def test_hstu_equals_its_equations_pair_by_pair(num_layers, with_time):
    keras.utils.set_random_seed(0)
    case = Case.random((3, 0, 100, 1), (2, 3, 2, 1))
    layer = disturbed(HSTU(num_layers=num_layers))
    inputs = case.inputs()
    vectors = layer(inputs["history"], inputs["candidates"], history_time=inputs["history_time"] if with_time else None)
    for row in range(4):
        seconds = case.seconds[row] if with_time else None
        expected = hstu(layer, case.history[row], case.candidates[row], seconds)
        np.testing.assert_allclose(vectors[row], expected.reshape(-1, DIM), atol=5e-5)


def test_only_the_window_of_recent_events_counts():
    case = Case.random((9, 4), (1, 1))
    layer = disturbed(HSTU(max_events=4))
    cut = Case(
        [case.history[0][-4:], case.history[1]],
        case.candidates,
        [case.seconds[0][-4:], case.seconds[1]],
        case.history_tokens,
        case.candidate_tokens,
    )
    np.testing.assert_allclose(call(layer, case.inputs()).flat_values, call(layer, cut.inputs()).flat_values, atol=1e-6)


def test_positions_and_times_each_change_the_answer():
    case = Case.random((30,), (1,))
    layer = disturbed(HSTU())
    before = call(layer, case.inputs()).flat_values
    turned = Case([case.history[0][::-1]], case.candidates, case.seconds, case.history_tokens, case.candidate_tokens)
    later = Case(case.history, case.candidates, [s * 64 for s in case.seconds], [], [])
    assert np.abs(call(layer, turned.inputs()).flat_values - before).max() > 1e-3
    assert np.abs(call(layer, later.inputs()).flat_values - before).max() > 1e-3


def test_an_empty_history_gives_the_null_vector():
    layer = HSTU()
    layer.build((None, None, DIM), (None, None, DIM))
    layer.null_vector.assign(np.arange(DIM))
    history = Rows(tf.zeros([0, DIM]), tf.constant([0, 0], tf.int64))
    encoded = layer.encode(history, tf.ones([1, DIM]), tf.constant([0], tf.int64))
    np.testing.assert_array_equal(encoded.vectors[0], np.arange(DIM))
    assert layer.evidence_dim == DIM
    np.testing.assert_array_equal(encoded.evidence, encoded.vectors)


def test_a_row_beyond_the_limit_is_refused_and_a_window_is_the_way_out():
    history = tf.RaggedTensor.from_row_lengths(tf.zeros([MOST_EVENTS + 1, 2]), [MOST_EVENTS + 1])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)Received:.*4097.*limit.*4096.*max_events"):
        HSTU()(history, tf.zeros([1, 2]))
    assert np.isfinite(HSTU(max_events=50)(history, tf.zeros([1, 2]))).all()


def test_a_window_beyond_the_limit_is_refused():
    with pytest.raises(ValueError, match="1 to 4096 events. Received: max_events=0"):
        HSTU(max_events=0)


def test_heads_must_divide_an_event():
    with pytest.raises(ValueError, match="dim=8, num_heads=3"):
        HSTU(num_heads=3).build((None, None, DIM), (None, None, DIM))


def test_events_and_candidates_share_one_width():
    with pytest.raises(ValueError, match="history=8, candidates=6"):
        HSTU().build((None, None, 8), (None, None, 6))
