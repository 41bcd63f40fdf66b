import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from mos_tf.encoders import DIN
from mos_tf.moe import ExpertChoice
from mos_tf.moe.expert_choice import ChoosingGate
from tests.support import oracles_moe
from tests.support.sequence_layers import Case, call, check_sequence_layer


def gate(num_experts: int, capacity_factor: float) -> ChoosingGate:
    """A gate whose logits are the tokens."""
    layer = ChoosingGate(num_experts, capacity_factor, load_name="load")
    layer.build((None, num_experts))
    layer.logits.kernel.assign(np.eye(num_experts))
    return layer


@pytest.mark.slow
@pytest.mark.parametrize("dispatch", ("request", "event"))
def test_expert_choice_holds_what_every_sequence_layer_promises(tmp_path, dispatch):
    """With room for all: else the answer depends on the batch, as the docstring says."""
    check_sequence_layer(
        lambda: ExpertChoice(DIN(hidden_units=6, num_heads=2), num_experts=2, dispatch=dispatch, capacity_factor=2.0),
        tmp_path,
    )


@settings(max_examples=30)
@given(st.integers(1, 40), st.sampled_from((2, 4, 8)), st.sampled_from((0.5, 1.0, 2.0)), st.integers(0, 99))
def test_every_expert_takes_the_tokens_it_scores_highest(size, num_experts, capacity_factor, seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(size, num_experts)).astype(np.float32)
    valid = rng.random(size) < 0.8
    capacity = int(np.ceil(capacity_factor * valid.sum() / num_experts))
    got = gate(num_experts, capacity_factor)(tf.constant(logits), tf.constant(valid)).numpy()
    expected = np.zeros_like(got)
    expected[valid] = oracles_moe.expert_choice(oracles_moe.softmax(logits[valid]), capacity)
    np.testing.assert_allclose(got, expected, atol=1e-6)
    assert ((got > 0).sum(axis=0) == min(capacity, valid.sum())).all()
    assert (got.sum(axis=1) <= 1 + 1e-6).all()


def test_of_equal_tokens_the_earlier_is_taken():
    shares = gate(2, 1.0)(tf.zeros([4, 2]), tf.ones([4], tf.bool)).numpy()
    assert (shares > 0).tolist() == [[True, True], [True, True], [False, False], [False, False]]


def test_the_order_of_the_batch_does_not_matter_but_the_batch_does():
    keras.utils.set_random_seed(1)
    layer = ExpertChoice(DIN(hidden_units=6, num_heads=2), num_experts=4, capacity_factor=1.0)
    case = Case.random((3, 5, 7, 1, 0, 4), (2, 1, 1, 3, 1, 1))
    vectors = call(layer, case.inputs())
    order = [3, 0, 5, 4, 1, 2]
    shuffled = call(layer, case.rows(order).inputs())
    for new, old in enumerate(order):
        np.testing.assert_allclose(shuffled[new], vectors[old], atol=1e-5)
    alone = call(layer, case.rows([0]).inputs())
    assert np.abs(alone[0] - vectors[0]).max() > 1e-3


def test_a_request_alone_is_seen_by_all_experts():
    keras.utils.set_random_seed(0)
    layer = ExpertChoice(DIN(hidden_units=6, num_heads=2), num_experts=4, capacity_factor=1.0)
    case = Case.random((3,), (2,))
    vectors = call(layer, case.inputs())
    tokens, _ = oracles_moe.tokens(layer, case.history)
    shares = oracles_moe.softmax(tokens @ layer.gate.logits.kernel.numpy())
    expected = oracles_moe.mixture(layer, case.history, case.candidates, shares)
    np.testing.assert_allclose(vectors[0], expected[0], atol=1e-5)


def test_no_room_at_all_is_refused():
    with pytest.raises(ValueError, match="capacity_factor=-1"):
        ExpertChoice(DIN(), capacity_factor=-1)
