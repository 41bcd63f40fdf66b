"""What holds for every mixture, whatever its gate."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from mos_tf.encoders import DIN, Encoded, SequenceEncoder
from mos_tf.moe import DSelectK, ExpertChoice, GShard
from mos_tf.moe.gate import Gate
from mos_tf.moe.mixture import MixtureOfExperts
from mos_tf.ragged import Rows
from tests.support import oracles_moe
from tests.support.sequence_layers import DIM, Case, call, ragged

MIXTURES = (GShard, DSelectK, ExpertChoice)
every_mixture = pytest.mark.parametrize("mixture", MIXTURES)
both_units = pytest.mark.parametrize("dispatch", ("request", "event"))


def shake(layer: keras.layers.Layer, seed: int = 1) -> None:
    """Moves all weights away from their starts, which are zero for some."""
    rng = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        weight.assign_add(rng.normal(scale=0.3, size=weight.shape).astype(np.float32))


class Recorder(SequenceEncoder):
    """Answers with (events, seconds of its row), and keeps the number of events that it was given."""

    evidence_dim = 1

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seen = []

    def encode(self, history, candidates, candidate_rows=None, time=None):
        self.seen.append((int(history.values.shape[0]), int(candidates.shape[0])))
        seconds = tf.math.unsorted_segment_sum(tf.cast(time, tf.float32), history.ids, history.num_rows)
        lengths = tf.cast(history.splits[1:] - history.splits[:-1], tf.float32)
        rows = tf.range(history.num_rows) if candidate_rows is None else candidate_rows
        told = tf.gather(tf.stack([lengths, seconds], axis=1), rows)
        return Encoded(tf.pad(told, [[0, 0], [0, DIM - 2]]), tf.gather(lengths, rows)[:, None])


@every_mixture
@both_units
def test_a_mixture_equals_its_equations_request_by_request(mixture, dispatch):
    keras.utils.set_random_seed(0)
    layer = mixture(DIN(hidden_units=6, num_heads=2), num_experts=4, dispatch=dispatch)
    case = Case.random((3, 0, 7, 1, 5), (2, 3, 0, 1, 2))
    call(layer, case.inputs())
    shake(layer)
    vectors = call(layer, case.inputs())
    tokens, valid = oracles_moe.tokens(layer, case.history)
    shares = layer.gate(tf.constant(tokens, tf.float32), tf.constant(valid)).numpy()
    expected = oracles_moe.mixture(layer, case.history, case.candidates, shares)
    assert not shares[~valid].any()
    for row in range(5):
        np.testing.assert_allclose(vectors[row], expected[row].reshape(-1, DIM), atol=1e-5)


@every_mixture
@both_units
def test_gradients_reach_every_weight_of_every_expert(mixture, dispatch):
    keras.utils.set_random_seed(0)
    layer = mixture(DIN(hidden_units=6, num_heads=2), num_experts=4, dispatch=dispatch)
    inputs = Case.random((9,) * 30 + (0,), (2,) * 31).inputs()
    call(layer, inputs)
    shake(layer)
    with tf.GradientTape() as tape:
        outputs = call(layer, inputs).flat_values
        loss = tf.reduce_sum(tf.sin(outputs * tf.range(1.0, DIM + 1)))
    for weight, gradient in zip(
        layer.trainable_weights, tape.gradient(loss, [w.value for w in layer.trainable_weights]), strict=True
    ):
        assert np.isfinite(gradient).all() and np.any(gradient != 0), weight.path


@both_units
def test_two_of_eight_experts_read_each_event(dispatch):
    """What dispatch is for: all experts together encode every event, and every candidate, twice."""
    layer = GShard(Recorder(), dispatch=dispatch, capacity_factor=8.0)
    call(layer, Case.random((30, 12, 0, 41, 7), (1, 5, 4, 1, 1)).inputs())
    assert sum(expert.seen[0][0] for expert in layer.experts) == 2 * 90
    if dispatch == "request":
        assert sum(expert.seen[0][1] for expert in layer.experts) == 2 * 8


@every_mixture
def test_a_chosen_expert_reads_the_whole_request_with_its_times(mixture):
    layer = mixture(Recorder(), num_experts=4)
    case = Case.random((3, 0, 7), (2, 1, 1))
    vectors = call(layer, case.inputs())
    tokens, valid = oracles_moe.tokens(layer, case.history)
    mass = layer.gate(tf.constant(tokens, tf.float32), tf.constant(valid)).numpy().sum(axis=1)
    for row in range(3):
        told = [len(case.history[row]), case.seconds[row].sum()]
        np.testing.assert_allclose(vectors[row][0][:2], mass[row] * np.array(told, np.float32), rtol=1e-5)


def test_evidence_is_mixed_like_the_vectors():
    layer = GShard(Recorder(), num_experts=4, capacity_factor=4.0)
    history = Rows.of(ragged([np.ones((3, DIM)), np.ones((0, DIM))], tf.float32, DIM))
    layer.build((None, None, DIM), (None, None, DIM))
    encoded = layer.encode(history, tf.ones([2, DIM]), time=tf.zeros([3], tf.int64))
    assert layer.evidence_dim == 1
    np.testing.assert_allclose(encoded.evidence, [[3.0], [0.0]])


@every_mixture
@both_units
def test_an_empty_history_gives_the_null_vector(mixture, dispatch):
    layer = mixture(DIN(num_heads=2), num_experts=2, dispatch=dispatch)
    case = Case.random((0, 4), (2, 1))
    call(layer, case.inputs())
    layer.null_vector.assign(np.arange(DIM))
    np.testing.assert_allclose(call(layer, case.inputs())[0], [np.arange(DIM)] * 2)
    np.testing.assert_allclose(call(layer, case.rows([0]).inputs())[0], [np.arange(DIM)] * 2)


@pytest.mark.slow
@every_mixture
@both_units
def test_fit_sees_the_load_and_serving_does_not_count(mixture, dispatch):
    keras.utils.set_random_seed(0)
    history = keras.Input((None, DIM), ragged=True)
    candidate = keras.Input((DIM,))
    layer = mixture(DIN(hidden_units=4, num_heads=2), num_experts=2, dispatch=dispatch, name="moe")
    model = keras.Model([history, candidate], keras.layers.Dense(1)(layer(history, candidate)))
    model.compile("sgd", "mse", jit_compile=False)
    case = Case.random((3, 0, 7, 1), (1, 1, 1, 1))
    inputs = [case.inputs()["history"], np.concatenate(case.candidates)]
    model.predict(inputs, verbose=0)
    assert math.isnan(layer.gate.load.result()["moe_entropy"])
    logs = model.fit(inputs, np.ones((4, 1)), epochs=2, batch_size=4, verbose=0).history
    tokens = 3 if dispatch == "request" else 11
    assert float(layer.gate.load.tokens) == tokens  # of the last epoch
    assert {"moe_entropy", "moe_max_share", "moe_unused", "moe_per_token"} < set(logs)
    assert 0.0 < logs["moe_entropy"][-1] <= math.log(2) + 1e-6
    assert 1.0 <= logs["moe_per_token"][-1] <= 2.0


def test_fit_trains_on_the_auxiliary_loss_and_shows_the_load():
    """Four equal requests: with nothing else to learn from, the balance loss moves the gate, and only the gate."""
    keras.utils.set_random_seed(0)
    history, candidate = keras.Input((None, DIM), ragged=True), keras.Input((DIM,))
    layer = GShard(DIN(hidden_units=4, num_heads=2), num_experts=2, balance_weight=1.0, name="moe")
    model = keras.Model([history, candidate], layer(history, candidate))

    def nothing(y_true, y_pred):
        return keras.ops.sum(0.0 * y_pred, axis=-1)

    model.compile(keras.optimizers.SGD(0.1), nothing, jit_compile=False)
    case = Case.random((3,), (1,)).rows([0] * 4)
    inputs = [case.inputs()["history"], np.concatenate(case.candidates)]
    before = [w.numpy() for w in layer.trainable_weights]
    logs = model.fit(inputs, np.ones((4, DIM)), epochs=1, batch_size=4, verbose=0).history
    moved = {w.path for w, old in zip(layer.trainable_weights, before, strict=True) if np.any(w.numpy() != old)}
    assert moved == {layer.gate.logits.kernel.path}
    assert 1.0 < logs["loss"][0] < 2.0
    assert logs["moe_max_share"][0] >= 0.5
    assert 1.0 <= logs["moe_per_token"][0] <= 2.0


def test_experts_have_weights_of_their_own():
    keras.utils.set_random_seed(0)
    layer = GShard(DIN(num_heads=2), num_experts=3)
    layer.build((None, None, DIM), (None, None, DIM))
    kernels = [expert.value.kernel.numpy() for expert in layer.experts]
    assert not np.allclose(kernels[0], kernels[1]) and not np.allclose(kernels[1], kernels[2])


def test_a_mixture_is_an_encoder_so_mixtures_nest():
    inner = ExpertChoice(DIN(num_heads=2), num_experts=2, dispatch="event")
    layer = GShard(inner, num_experts=2)
    again = GShard.from_config(layer.get_config())
    assert [expert.dispatch for expert in again.experts] == ["event", "event"]
    assert np.isfinite(call(again, Case.random().inputs()).flat_values).all()


def test_what_cannot_be_dispatched_is_refused():
    with pytest.raises(ValueError, match=r"dispatch must be one of .* Received: dispatch='token'"):
        GShard(DIN(), dispatch="token")
    with pytest.raises(ValueError, match="num_experts=1"):
        ExpertChoice(DIN(), num_experts=1)


def test_a_mixture_without_a_gate_says_what_to_write():
    with pytest.raises(NotImplementedError, match="must define make_gate"):
        MixtureOfExperts(DIN()).build((None, None, DIM), (None, None, DIM))
    with pytest.raises(NotImplementedError, match="must define route"):
        Gate(2, load_name="load")(tf.zeros([1, DIM]), tf.constant([True]))
