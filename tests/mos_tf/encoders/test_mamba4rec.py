import keras
import numpy as np
import pytest
import tensorflow as tf

from mos_tf.encoders.mamba4rec import Mamba4Rec
from mos_tf.ragged import Rows
from tests.support.on_jax import check_on_jax
from tests.support.oracles_mamba4rec import mamba4rec
from tests.support.sequence_layers import DIM, Case, call, check_sequence_layer


def test_mamba4rec_holds_what_every_sequence_layer_promises(tmp_path):
    check_sequence_layer(lambda: Mamba4Rec(state_dim=3), tmp_path, oracle=mamba4rec)


@pytest.mark.slow
def test_a_stack_of_layers_holds_what_every_sequence_layer_promises(tmp_path):
    check_sequence_layer(lambda: Mamba4Rec(num_layers=2, state_dim=3), tmp_path, oracle=mamba4rec)


def built(**config):
    """A layer whose every weight is off its start."""
    keras.utils.set_random_seed(0)
    layer = Mamba4Rec(**config)
    layer.build((None, None, DIM), (None, None, DIM))
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign_add(rng.normal(scale=0.3, size=weight.shape).astype(np.float32))
    return layer


@pytest.mark.parametrize(
    "config", [{"state_dim": 3}, {"num_layers": 3, "state_dim": 2, "conv_width": 1}, {"expand": 1, "output_dim": 5}]
)
def test_mamba4rec_equals_its_equations_event_by_event(config):
    """Rows within a tile, one that fills it, and some that cross from tile to tile."""
    layer = built(**config)
    case = Case.random((3, 0, 70, 1, 32, 33), (2, 3, 1, 0, 1, 1))
    vectors = call(layer, case.inputs())
    for row in range(6):
        expected = mamba4rec(layer, case.history[row], case.candidates[row])
        np.testing.assert_allclose(vectors[row], expected.reshape(-1, layer.output_dim), atol=2e-5)


def test_all_candidates_of_a_row_get_the_same_vector():
    layer = built()
    case = Case.random((5,), (4,))
    vectors = call(layer, case.inputs()).flat_values
    np.testing.assert_array_equal(vectors, np.tile(vectors[:1], (4, 1)))


def test_the_order_of_events_matters():
    layer = built()
    events = np.random.default_rng(2).normal(size=(6, DIM)).astype(np.float32)
    forward, backward = (
        layer.encode(Rows(tf.constant(e), tf.constant([0, 6], tf.int64)), tf.zeros([1, DIM])).vectors
        for e in (events, events[[4, 3, 2, 1, 0, 5]])
    )
    assert np.abs(forward - backward).max() > 1e-3


def test_a_batch_without_any_event_gives_the_null_value():
    layer = built()
    history = Rows(tf.zeros([0, DIM]), tf.constant([0, 0, 0], tf.int64))
    encoded = layer.encode(history, tf.zeros([2, DIM]))
    np.testing.assert_array_equal(encoded.vectors, np.tile(layer.null_value, (2, 1)))
    assert encoded.evidence.shape == (2, 0)


def test_steps_start_between_a_thousandth_and_a_tenth_and_decays_at_whole_numbers():
    layer = Mamba4Rec(state_dim=3)
    layer.build((None, None, DIM), (None, None, DIM))
    steps = np.log1p(np.exp(layer.layers[0].step_bias))
    np.testing.assert_allclose([steps[0], steps[-1]], [0.001, 0.1], rtol=1e-4)
    np.testing.assert_allclose(np.exp(layer.layers[0].log_decay)[:, 0], [1.0, 2.0, 3.0], rtol=1e-6)


@pytest.mark.parametrize("conv_width", [0, 34])
def test_the_convolution_reads_at_most_a_tile_back(conv_width):
    with pytest.raises(ValueError, match=f"conv_width={conv_width}"):
        Mamba4Rec(conv_width=conv_width)


@pytest.mark.slow
def test_mamba4rec_runs_on_jax(tmp_path):
    check_on_jax(lambda: Mamba4Rec(num_layers=2, state_dim=3), tmp_path)
