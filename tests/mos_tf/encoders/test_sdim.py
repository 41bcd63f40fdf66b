import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mos_tf.encoders import SDIM
from mos_tf.ragged import Rows
from tests.support.on_jax import check_on_jax
from tests.support.oracles_sdim import sdim
from tests.support.sequence_layers import DIM, check_sequence_layer, disturb


def test_sdim_holds_what_every_sequence_layer_promises(tmp_path):
    check_sequence_layer(lambda: SDIM(num_hashes=12, signature_bits=2), tmp_path, oracle=sdim)


@pytest.mark.slow
def test_sdim_gives_the_same_on_jax(tmp_path):
    check_on_jax(lambda: SDIM(num_hashes=12, signature_bits=2), tmp_path)


def test_each_group_gives_the_direction_of_the_events_in_the_candidates_bucket():
    """One bit a group, the sign of one coordinate: (3, 4) alone shares the first sign, both share the second."""
    encoded = _two_signs().encode(_rows([[[3, 4], [-3, 4]]]), tf.constant([[1.0, 1.0]]))
    np.testing.assert_allclose(encoded.vectors, [[(0.6 + 0.0) / 2, (0.8 + 1.0) / 2]], atol=1e-6)
    np.testing.assert_allclose(encoded.evidence, [[np.log1p((1 + 2) / 2)]], atol=1e-6)


def test_the_null_value_stands_in_for_every_empty_bucket():
    layer = _two_signs()
    layer.null_value.assign([10.0, 20.0])
    one_of_two, none_at_all = layer.encode(_rows([[[-3, 4]], []]), tf.ones([2, 2])).vectors
    np.testing.assert_allclose(one_of_two, [(-0.6 + 10) / 2, (0.8 + 20) / 2], atol=1e-6)
    np.testing.assert_allclose(none_at_all, [10, 20], atol=1e-6)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 70), min_size=1, max_size=4), st.data())
def test_candidates_look_at_any_rows_in_any_order(lengths, data):
    rows = data.draw(st.lists(st.integers(0, len(lengths) - 1), max_size=6))
    layer = SDIM(num_hashes=6, signature_bits=3)
    layer.build((None, None, DIM), (None, None, DIM))
    disturb(layer)
    rng = np.random.default_rng(sum(lengths))
    history = [rng.normal(size=(length, DIM)) for length in lengths]
    candidates = rng.normal(size=(len(rows), DIM)).astype(np.float32)
    vectors = layer.encode(_rows(history), tf.constant(candidates), tf.constant(rows, tf.int64)).vectors
    for vector, row, candidate in zip(vectors, rows, candidates, strict=True):
        np.testing.assert_allclose(vector, sdim(layer, history[row], candidate[None])[0], atol=2e-5)


@pytest.mark.parametrize("degrees", [30, 90, 150])
def test_the_share_of_matching_groups_decays_with_the_angle_as_the_paper_says(degrees):
    layer = SDIM(num_hashes=3_000, signature_bits=3)
    layer.build((None, None, 2), (None, None, 2))
    angle = np.radians(degrees)
    encoded = layer.encode(_rows([[[1, 0]]]), tf.constant([[np.cos(angle), np.sin(angle)]], tf.float32))
    np.testing.assert_allclose(np.expm1(encoded.evidence[0, 0]), (1 - angle / np.pi) ** 3, atol=0.04)


def test_gradients_of_the_events_are_finite_where_buckets_are_empty():
    layer = SDIM(num_hashes=12, signature_bits=3)
    layer.build((None, None, DIM), (None, None, DIM))
    values = tf.random.stateless_normal([2, DIM], seed=(0, 0))
    for rows in (None, tf.constant([0, 1], tf.int64)):
        with tf.GradientTape() as tape:
            tape.watch(values)
            vectors = layer.encode(Rows(values, tf.constant([0, 2, 2], tf.int64)), values, rows).vectors
            loss = tf.reduce_sum(tf.sin(vectors))
        gradient = tf.convert_to_tensor(tape.gradient(loss, values))
        assert np.isfinite(gradient).all() and np.any(gradient != 0)


def test_hyperplanes_are_fixed_by_the_seed_and_never_trained():
    same, again, other = SDIM(), SDIM(), SDIM(seed=1)
    for layer in (same, again, other):
        layer.build((None, None, DIM), (None, None, DIM))
    np.testing.assert_array_equal(same.hyperplanes, again.hyperplanes)
    assert np.all(np.asarray(same.hyperplanes) != np.asarray(other.hyperplanes))
    assert [weight.name for weight in same.non_trainable_weights] == ["hyperplanes"]


def test_a_hundred_thousand_events_in_one_row_stay_finite():
    layer = SDIM()
    layer.build((None, None, DIM), (None, None, DIM))
    history = Rows(tf.random.stateless_normal([100_000, DIM], seed=(0, 0)), tf.constant([0, 100_000], tf.int64))
    encoded = layer.encode(history, tf.ones([3, DIM]), tf.zeros([3], tf.int64))
    assert np.isfinite(encoded.vectors).all() and np.isfinite(encoded.evidence).all()


def test_signatures_must_divide_the_hashes():
    with pytest.raises(ValueError, match=r"num_hashes=48, signature_bits=5"):
        SDIM(signature_bits=5)


def test_candidates_must_be_as_wide_as_events():
    with pytest.raises(ValueError, match=r"events of 8, candidates of 4"):
        SDIM().build((None, None, 8), (None, None, 4))


def _two_signs() -> SDIM:
    layer = SDIM(num_hashes=2, signature_bits=1)
    layer.build((None, None, 2), (None, None, 2))
    layer.hyperplanes.assign(np.eye(2))
    layer.value.kernel.assign(np.eye(2))
    return layer


def _rows(history) -> Rows:
    width = next((np.shape(events)[1] for events in history if len(events)), DIM)
    values = np.concatenate([np.zeros((0, width)), *(np.reshape(events, (-1, width)) for events in history)])
    splits = np.cumsum([0, *(len(events) for events in history)])
    return Rows(tf.constant(values, tf.float32), tf.constant(splits, tf.int64))
