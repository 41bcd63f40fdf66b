import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mos_tf.encoders import DIN
from mos_tf.moe import GShard
from mos_tf.moe.gshard import Top2Gate
from tests.support import oracles_moe
from tests.support.sequence_layers import DIM, Case, call, check_sequence_layer


def gate(num_experts: int = 4, capacity_factor: float = 1.0, balance_weight: float = 1.0) -> Top2Gate:
    """A gate whose logits are the tokens."""
    layer = Top2Gate(num_experts, capacity_factor, balance_weight, load_name="load")
    layer.build((None, num_experts))
    layer.logits.kernel.assign(np.eye(num_experts))
    return layer


def shares(layer: Top2Gate, logits, valid=None, **kwargs) -> np.ndarray:
    valid = np.ones(len(logits), bool) if valid is None else np.array(valid)
    return layer(tf.constant(logits, tf.float32), tf.constant(valid), **kwargs).numpy()


@pytest.mark.parametrize("dispatch", ("request", pytest.param("event", marks=pytest.mark.slow)))
def test_gshard_holds_what_every_sequence_layer_promises(tmp_path, dispatch):
    """With room for all: an expert that overflows makes answers depend on the batch, as the docstring says."""
    check_sequence_layer(
        lambda: GShard(DIN(hidden_units=6, num_heads=2), num_experts=2, dispatch=dispatch, capacity_factor=2.0),
        tmp_path,
    )


@settings(max_examples=30)
@given(st.integers(1, 40), st.sampled_from((2, 4, 8)), st.sampled_from((0.5, 1.0, 1.5)), st.integers(0, 99))
def test_the_gate_equals_algorithm_1_token_by_token(size, num_experts, capacity_factor, seed):
    logits = np.random.default_rng(seed).normal(size=(size, num_experts)).astype(np.float32)
    layer = gate(num_experts, capacity_factor)
    capacity = int(np.ceil(capacity_factor * 2 * size / num_experts))
    got = shares(layer, logits)
    probabilities = oracles_moe.softmax(logits)
    np.testing.assert_allclose(got, oracles_moe.top_2(probabilities, capacity), atol=1e-6)
    assert ((got > 0).sum(axis=0) <= capacity).all()
    np.testing.assert_allclose(layer.losses[0], oracles_moe.balance(probabilities), rtol=1e-5)


def test_first_choices_are_served_before_second_ones_and_overflow_is_dropped():
    """C = ⌈2 · 3 / 4⌉ = 2. Tokens 0 and 1 ask expert 0 second, token 2 asks it first and is served before token 1."""
    a, b = 2.0, 1.0  # g₁ = e / (e + 1), g₂ = 1 / (e + 1)
    first, second = np.e / (np.e + 1), 1 / (np.e + 1)
    got = shares(gate(), [[b, a, -9, -9], [b, -9, a, -9], [a, -9, -9, b]])
    expected = [[second, first, 0, 0], [0, 0, first, 0], [first, 0, 0, second]]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_what_is_not_valid_takes_no_room_and_does_not_count():
    logits = [[2.0, 1.0, 0.0, 0.0]] * 3
    layer = gate()
    got = shares(layer, logits, [False, True, False])  # C = ⌈2 · 1 / 4⌉ = 1
    np.testing.assert_allclose(got[[0, 2]], 0.0)
    np.testing.assert_allclose(got[1].sum(), 1.0, rtol=1e-6)
    p = oracles_moe.softmax(np.array(logits[0]))
    np.testing.assert_allclose(layer.losses[0], 4 * p[0], rtol=1e-5)


def test_the_balance_loss_by_hand():
    """Two tokens, two experts, p = (3/4, 1/4) and (1/4, 3/4): c/S = m = (1/2, 1/2); both at expert 0: c/S = (1, 0)."""
    log3 = float(np.log(3.0))
    layer = gate(num_experts=2, balance_weight=0.5)
    shares(layer, [[log3, 0.0], [0.0, log3]])
    np.testing.assert_allclose(layer.losses, [0.5 * 2 * (1 / 4 + 1 / 4)], rtol=1e-6)
    shares(layer, [[log3, 0.0], [log3, 0.0]])
    np.testing.assert_allclose(layer.losses, [0.5 * 2 * 3 / 4], rtol=1e-6)


def test_training_draws_the_second_expert_by_its_share_and_inference_takes_it():
    keras.utils.set_random_seed(0)
    layer = gate(num_experts=2, capacity_factor=2.0)
    logits = np.tile([1.0, 0.0], (4000, 1))  # 2 g₂ = 2 / (e + 1) = 0.538
    asked = 2 / (np.e + 1)
    assert (shares(layer, logits)[:, 1] > 0).all()
    drawn = shares(layer, logits, training=True)
    assert abs((drawn[:, 1] > 0).mean() - asked) < 4 * np.sqrt(asked * (1 - asked) / 4000)
    np.testing.assert_allclose(drawn[:, 0], np.e / (np.e + 1), rtol=1e-6)
    np.testing.assert_allclose(layer.load.result()["load_per_token"], 1 + (drawn[:, 1] > 0).mean(), rtol=1e-5)


def test_a_second_choice_drawn_away_takes_no_place():
    """C = 2000 of 4000: were those not drawn counted, expert 1 would be full after 2,000 tokens instead of ~3,700."""
    keras.utils.set_random_seed(0)
    layer = gate(num_experts=2, capacity_factor=0.5)
    drawn = shares(layer, np.tile([1.0, 0.0], (4000, 1)), training=True)
    assert (drawn > 0).sum(axis=0).tolist() == [2000, 2000]


def test_the_mass_of_an_overflow_goes_to_the_null_vector():
    """Three equal requests, C = ⌈2 · 3 / 4 · 0.5⌉ = 1: the first is served by both experts, the others by none."""
    keras.utils.set_random_seed(0)
    layer = GShard(DIN(num_heads=2), num_experts=4, capacity_factor=0.5)
    one = Case.random((3,), (1,))
    three = Case([*one.history] * 3, [*one.candidates] * 3, [*one.seconds] * 3, [], [])
    call(layer, one.inputs())
    layer.null_vector.assign(np.arange(DIM))
    vectors = call(layer, three.inputs())
    np.testing.assert_allclose(vectors[0], call(layer, one.inputs())[0], atol=1e-6)
    np.testing.assert_allclose(vectors[1:].flat_values, [np.arange(DIM)] * 2)


def test_no_room_at_all_is_refused():
    with pytest.raises(ValueError, match="capacity_factor=0"):
        GShard(DIN(), capacity_factor=0)
