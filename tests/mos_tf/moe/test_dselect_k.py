import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mos_tf.encoders import DIN
from mos_tf.moe import DSelectK
from mos_tf.moe.dselect_k import SelectorGate, smooth_step
from tests.support import oracles_moe
from tests.support.sequence_layers import Case, call, check_sequence_layer


def gate(num_experts: int, num_selectors: int, gamma: float = 1.0, entropy_weight: float = 1.0, dim: int = 3):
    layer = SelectorGate(num_experts, num_selectors, gamma, entropy_weight, load_name="load")
    layer.build((None, dim))
    return layer


@pytest.mark.slow
@pytest.mark.parametrize("dispatch", ("request", "event"))
def test_dselect_k_holds_what_every_sequence_layer_promises(tmp_path, dispatch):
    check_sequence_layer(lambda: DSelectK(DIN(hidden_units=6, num_heads=2), num_experts=4, dispatch=dispatch), tmp_path)


@settings(max_examples=20)
@given(st.sampled_from((2, 4, 8)), st.integers(2, 3), st.sampled_from((0.5, 1.0, 3.0)), st.integers(0, 99))
def test_the_gate_equals_its_equations_token_by_token(num_experts, num_selectors, gamma, seed):
    rng = np.random.default_rng(seed)
    layer = gate(num_experts, num_selectors, gamma)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    tokens = rng.normal(size=(7, 3)).astype(np.float32)
    valid = np.arange(7) != 3
    shares = layer(tf.constant(tokens), tf.constant(valid)).numpy()
    expected, entropies = np.zeros_like(shares), []
    for s in np.flatnonzero(valid):
        alpha = tokens[s] @ layer.weigh.kernel.numpy() + layer.weigh.bias.numpy()
        z = tokens[s] @ layer.select.kernel.numpy() + layer.select.bias.numpy()
        expected[s], entropy = oracles_moe.dselect_k(alpha, z.reshape(num_selectors, -1), gamma)
        entropies.append(entropy)
    np.testing.assert_allclose(shares, expected, atol=1e-5)
    np.testing.assert_allclose(layer.losses[0], np.mean(entropies), atol=1e-4)
    np.testing.assert_allclose(shares[valid].sum(axis=1), 1.0, rtol=1e-5)


def test_the_smooth_step_is_exact_outside_and_smooth_at_its_ends():
    t = tf.Variable([-5.0, -0.15, -0.1499, 0.0, 0.1499, 0.15, 5.0])
    with tf.GradientTape() as tape:
        steps = smooth_step(t.value(), 0.3)
    assert steps.numpy()[[0, 1, 5, 6]].tolist() == [0.0, 0.0, 1.0, 1.0]
    np.testing.assert_allclose(steps[3], 0.5)
    slope = tape.gradient(steps, t)
    np.testing.assert_allclose(slope, [0, 0, 0, 1.5 / 0.3, 0, 0, 0], atol=0.02)


def test_decided_bits_name_one_expert_each():
    """Two selectors with bits (lowest first) 1,0,1 and 0,1,1: experts 5 and 6 of 8, weighed by softmax(0, log 3)."""
    layer = gate(8, 2)
    for weight in layer.trainable_weights:
        weight.assign(np.zeros(weight.shape))
    layer.select.bias.assign([1.0, -1.0, 1.0, -1.0, 1.0, 1.0])
    layer.weigh.bias.assign([0.0, np.log(3.0)])
    shares = layer(tf.ones([1, 3]), tf.constant([True]))
    np.testing.assert_allclose(shares[0], [0, 0, 0, 0, 0, 0.25, 0.75, 0], atol=1e-6)
    np.testing.assert_allclose(layer.losses[0], 0.0, atol=1e-6)


def test_training_starts_dense_and_ends_with_exactly_k_experts():
    """Tokens of two kinds, each best served by two experts: both the task and the entropy decide the bits."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    layer = gate(8, 2, entropy_weight=0.02, dim=2)
    kind = rng.integers(0, 2, 64)
    tokens = tf.constant(np.eye(2)[kind] + rng.normal(scale=0.05, size=(64, 2)), tf.float32)
    valid = tf.ones([64], tf.bool)
    target = np.zeros((2, 8), np.float32)
    target[0, [1, 6]] = target[1, [2, 4]] = 0.5
    assert (layer(tokens, valid).numpy() > 0).all()
    optimizer = keras.optimizers.Adam(0.02)
    optimizer.build(layer.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            shares = layer(tokens, valid)
            loss = tf.reduce_mean(tf.reduce_sum((shares - tf.gather(target, kind)) ** 2, axis=1)) + layer.losses[0]
        variables = [variable.value for variable in layer.trainable_variables]
        optimizer.apply(tape.gradient(loss, variables), layer.trainable_variables)

    for _ in range(400):
        step()
    shares = layer(tokens, valid).numpy()
    assert (shares > 0).sum(axis=1).tolist() == [2] * 64
    np.testing.assert_allclose(shares, target[kind], atol=0.1)


def test_only_experts_with_a_share_are_computed():
    layer = DSelectK(DIN(num_heads=2), num_experts=4)
    case = Case.random((3, 7), (1, 2))
    call(layer, case.inputs())
    layer.gate.select.kernel.assign(np.zeros(layer.gate.select.kernel.shape))
    layer.gate.select.bias.assign([1.0] * 4)
    for expert in layer.experts[:3]:
        expert.value.bias.assign(np.full(expert.value.bias.shape, np.nan))
    plain = layer.experts[3](case.inputs()["history"], case.inputs()["candidates"])
    np.testing.assert_allclose(call(layer, case.inputs()).flat_values, plain.flat_values, atol=1e-6)


def test_experts_that_bits_cannot_number_are_refused():
    with pytest.raises(ValueError, match=r"power of two. Received: num_experts=6"):
        DSelectK(DIN(), num_experts=6)


def test_a_single_selector_is_refused():
    with pytest.raises(ValueError, match="num_selectors=1"):
        DSelectK(DIN(), num_selectors=1)
