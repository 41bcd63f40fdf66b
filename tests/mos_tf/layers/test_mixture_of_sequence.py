import numpy as np
import pytest
import tensorflow as tf

from mos_tf import MixtureOfSequence
from mos_tf.encoders import DIN
from mos_tf.ragged import Rows
from tests.support.sequence_layers import DIM, TOKENS, Case, call, check_sequence_layer


def mixture(num_themes=3, window=4) -> MixtureOfSequence:
    layer = MixtureOfSequence(DIN(hidden_units=6, num_heads=2), num_themes=num_themes, window=window)
    layer.make_router(TOKENS + 1, routing_dim=4)
    layer.router.adapt(sessions=np.repeat(np.arange(60), 3), tokens=np.random.default_rng(0).integers(0, TOKENS, 180))
    return layer


def test_the_mixture_holds_what_every_sequence_layer_promises(tmp_path):
    check_sequence_layer(mixture, tmp_path, routed=True)


def test_each_expert_reads_its_own_part_of_the_history():
    layer = mixture()
    case = Case.random((9, 0, 6), (3, 2, 1), routed=True, seed=2)
    vectors = call(layer, case.inputs())
    theme = lambda tokens: layer.router(tf.constant(tokens, tf.int64)).numpy()[:, 0]  # noqa: E731

    def encode(expert, events, candidate):
        rows = Rows(tf.constant(events.reshape(-1, DIM)), tf.constant([0, len(events)], tf.int64))
        return expert.encode(rows, tf.constant(candidate[None]), tf.constant([0], tf.int64)).vectors[0]

    for row in range(3):
        for c, candidate in enumerate(case.candidates[row]):
            history = case.history[row]
            same = theme(case.history_tokens[row]) == theme(case.candidate_tokens[row][c : c + 1])
            experts = np.stack(
                [
                    encode(layer.global_expert, history, candidate),
                    encode(layer.short_expert.encoder, history[-4:], candidate),
                    encode(layer.theme_expert.encoders[0], history[same], candidate),
                ]
            )
            mixed, _ = layer.fusion(candidate[None], experts[None])
            np.testing.assert_allclose(vectors[row][c], mixed[0], atol=1e-5)


def test_gates_sum_to_one_and_start_even():
    layer = mixture()
    case = Case.random(routed=True)
    inputs = case.inputs()
    call(layer, inputs)
    rows = Rows.of(inputs["candidates"])
    themes = tuple(layer.router(inputs[k].flat_values)[:, 0] for k in ("routing_history", "routing_candidates"))
    ids = inputs["candidates"].value_rowids()
    mixed = layer.mix(Rows.of(inputs["history"]), rows.values, ids, themes)
    np.testing.assert_allclose(mixed.gates, np.full((6, 3), 1 / 3), atol=1e-6)
    assert mixed.evidence.shape == (6, layer.evidence_dim)


def test_all_events_in_one_theme_make_the_theme_expert_read_everything():
    layer = mixture()
    case = Case.random((5,), (1,), routed=True)
    token = case.candidate_tokens[0][0]
    inputs = case.inputs() | {"routing_history": tf.fill([1, 5], tf.constant(token))}
    inputs["routing_history"] = tf.RaggedTensor.from_tensor(inputs["routing_history"])
    layer.theme_expert.build((None, None, DIM), (None, None, DIM))
    call(layer, inputs)
    layer.theme_expert.encoders[0].set_weights(layer.global_expert.get_weights())
    layer.short_expert.encoder.set_weights(layer.global_expert.get_weights())
    plain = layer.global_expert(inputs["history"], inputs["candidates"])
    short = layer.global_expert(inputs["history"][:, -4:], inputs["candidates"])
    np.testing.assert_allclose(call(layer, inputs).flat_values, (2 * plain + short).flat_values / 3, atol=1e-5)


def test_routing_without_an_adapted_router_says_what_to_call():
    case = Case.random(routed=True)
    layer = MixtureOfSequence(DIN(num_heads=2), num_themes=3)
    with pytest.raises(ValueError, match="make_router"):
        call(layer, case.inputs())
    layer = MixtureOfSequence(DIN(num_heads=2), num_themes=3)
    layer.make_router(TOKENS + 1)
    with pytest.raises(ValueError, match="themes are not adapted"):
        call(layer, case.inputs())


def test_the_middle_resolution_routes():
    assert mixture(num_themes=(4, 2, 3)).router.num_themes == (2, 3, 4)
    assert mixture(num_themes=(4, 2, 3)).router.routing_resolution == 1
