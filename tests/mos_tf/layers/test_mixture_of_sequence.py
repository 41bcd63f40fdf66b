import keras
import numpy as np
import pytest
import tensorflow as tf

from mos_tf import MixtureOfSequence
from mos_tf.encoders import DIN, TransAct
from mos_tf.ragged import Rows
from tests.support.sequence_layers import DIM, TOKENS, Case, call, check_sequence_layer


def mixture(num_themes=3, window=4, **options) -> MixtureOfSequence:
    layer = MixtureOfSequence(DIN(hidden_units=6, num_heads=2), num_themes=num_themes, window=window, **options)
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


def test_light_modes_leave_experts_out(tmp_path):
    case = Case.random(routed=True)
    for experts in (("short", "theme"), ("theme",)):
        layer = mixture(experts=experts)
        assert call(layer, case.inputs()).shape.as_list() == [4, None, DIM]
        assert layer.global_expert is None
        assert layer.evidence_dim == 4 * len(experts)
    assert not any("global" in weight.path or "short" in weight.path for weight in layer.weights)


def test_evidence_is_as_wide_as_the_experts_that_take_part_say_once_built():
    for experts in (("global", "short", "theme"), ("short", "theme"), ("theme",)):
        layer = MixtureOfSequence(TransAct(feed_forward=4, num_recent=1), num_themes=3, window=4, experts=experts)
        layer.make_router(TOKENS + 1, routing_dim=4)
        layer.build((None, None, DIM), (None, None, DIM))
        assert layer.evidence_dim == len(experts) * DIM


def test_without_experts_the_affinity_alone_speaks():
    layer = mixture(experts=())
    inputs = Case.random(routed=True).inputs()
    affinity = inputs["candidates"][..., :3]
    routing = (inputs["routing_history"], inputs["routing_candidates"])
    vectors = layer(inputs["history"], inputs["candidates"], routing=routing, affinity=affinity)
    expected = affinity.flat_values.numpy() @ np.asarray(layer.affinity_projection.kernel)
    np.testing.assert_allclose(vectors.flat_values, expected, atol=1e-6)
    with pytest.raises(ValueError, match="affinity is all there is"):
        call(mixture(experts=()), inputs)


def test_own_weights_are_the_theme_of_each_candidate_s():
    layer = mixture(theme_weights="own")
    case = Case.random((9, 0, 6), (3, 2, 1), routed=True, seed=2)
    inputs = case.inputs()
    call(layer, inputs)
    assert len(layer.theme_expert.encoders) == 4
    rows, wanted = Rows.of(inputs["history"]), Rows.of(inputs["candidates"])
    events, asked = (layer.router(inputs[f"routing_{k}"].flat_values)[:, 0] for k in ("history", "candidates"))
    encoded = layer.theme_expert.encode(rows, wanted.values, wanted.ids, (events, asked))
    for c, (theme, row) in enumerate(zip(asked.numpy(), wanted.ids.numpy(), strict=True)):
        own = case.history[row][layer.router(tf.constant(case.history_tokens[row])).numpy()[:, 0] == theme]
        alone = layer.theme_expert.encoders[theme].encode(
            Rows(tf.constant(own.reshape(-1, DIM)), tf.constant([0, len(own)], tf.int64)), wanted.values[c : c + 1]
        )
        np.testing.assert_allclose(encoded.vectors[c], alone.vectors[0], atol=1e-5)
        np.testing.assert_allclose(encoded.evidence[c], alone.evidence[0], atol=1e-5)


@pytest.mark.parametrize("candidates", [(3, 2, 1), None])
def test_own_weights_read_each_event_once_and_only_where_its_theme_is_asked_for(candidates, monkeypatch):
    read = []
    encode = DIN.encode

    def recorded(self, history, *args):
        read.append((len(history.values), history.num_rows.numpy()))
        return encode(self, history, *args)

    case = Case.random((9, 0, 6), candidates or (1, 1, 1), routed=True, seed=2)
    inputs = case.inputs()
    if candidates is None:
        inputs |= {name: inputs[name].flat_values for name in ("candidates", "routing_candidates")}
    own, shared = (mixture(theme_weights=weights, experts=("theme",)) for weights in ("own", "shared"))
    for layer in (own, shared):
        call(layer, inputs)
    for encoder in own.theme_expert.encoders:
        encoder.set_weights(shared.theme_expert.encoders[0].get_weights())
    expected = call(shared, inputs)
    monkeypatch.setattr(DIN, "encode", recorded)
    call(shared, inputs)
    by_one, read[:] = read[0], []
    given = call(own, inputs)
    assert tuple(np.sum(read, axis=0)) == by_one
    flat = [x.flat_values if candidates else x for x in (given, expected)]
    np.testing.assert_allclose(*flat, atol=1e-6)


def test_a_mixture_of_every_other_choice_comes_back_from_its_file(tmp_path):
    layer = mixture(
        num_themes=(2, 3), theme_weights="own", experts=("theme", "short"), fusion="mean", gate_units=5, session_gap=60
    )
    case = Case.random(routed=True)
    inputs = {
        name: keras.Input(value.shape[1:], dtype=value.dtype.name, ragged=True, name=name)
        for name, value in case.inputs().items()
    }
    keras.Model(inputs, call(layer, inputs)).save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(case.inputs()).flat_values, call(layer, case.inputs()).flat_values)
    assert again.layers[-1].get_config() == layer.get_config()


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"fusion": "concatenation"}, {"fusion": "mean"}, {"experts": ("theme",)}])
def test_every_choice_holds_what_a_sequence_layer_promises(options, tmp_path):
    check_sequence_layer(lambda: mixture(**options), tmp_path, routed=True)


def test_a_choice_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r"routing_unit must be of \['item', 'session'\]. Received: 'basket'"):
        mixture(routing_unit="basket")
    with pytest.raises(ValueError, match="experts must be of"):
        mixture(experts=("local",))


def test_a_session_is_routed_as_one_by_the_mean_of_its_events():
    layer = mixture(routing_unit="session")
    case = Case.random((9, 0, 6), (3, 2, 1), routed=True, seed=2)
    inputs = case.inputs()
    sessions = [np.array([0, 0, 0, 0, 1, 1, 2, 2, 2]), np.array([], int), np.array([2, 2, 2, 2, 2, 2])]
    _, routing = layer(
        inputs["history"],
        inputs["candidates"],
        routing=(inputs["routing_history"], inputs["routing_candidates"]),
        history_session=tf.ragged.constant([s.tolist() for s in sessions], dtype=tf.int64),
        return_routing=True,
    )
    embeddings, codes = np.asarray(layer.router.embeddings), np.asarray(layer.router.codebooks[0])
    for row, own in enumerate(sessions):
        for session in set(own):
            mean = embeddings[case.history_tokens[row][own == session]].mean(axis=0)
            expected = int(np.argmax(codes @ mean))
            assert set(routing.history_themes[row].numpy()[own == session, 0]) == {expected}


def test_sessions_are_cut_where_a_user_pauses():
    layer = mixture(routing_unit="session")
    inputs = Case.random((4,), (1,), routed=True, seed=2).inputs()
    keywords = {"routing": (inputs["routing_history"], inputs["routing_candidates"]), "return_routing": True}
    seconds = tf.ragged.constant([[9000, 8000, 5, 2]], dtype=tf.int64)
    ids = tf.ragged.constant([[1, 1, 2, 2]], dtype=tf.int64)
    by_time = layer(inputs["history"], inputs["candidates"], history_time=seconds, **keywords)[1]
    by_id = layer(inputs["history"], inputs["candidates"], history_session=ids, **keywords)[1]
    np.testing.assert_array_equal(by_time.history_themes.flat_values, by_id.history_themes.flat_values)
    with pytest.raises(ValueError, match="neither history_session nor history_time"):
        layer(inputs["history"], inputs["candidates"], **keywords)


def test_routing_is_readable():
    layer = mixture(num_themes=(2, 3, 4))
    inputs = Case.random(routed=True).inputs()
    keywords = {"routing": (inputs["routing_history"], inputs["routing_candidates"]), "return_routing": True}
    vectors, routing = layer(inputs["history"], inputs["candidates"], **keywords)
    np.testing.assert_allclose(vectors.flat_values, call(layer, inputs).flat_values, atol=1e-6)
    tokens = inputs["routing_history"].flat_values
    np.testing.assert_array_equal(routing.history_themes.flat_values, layer.router(tokens))
    assert routing.candidate_themes.flat_values.shape == (6, 3)
    np.testing.assert_allclose(tf.reduce_sum(routing.gates.flat_values, axis=1), 1.0, atol=1e-6)


def test_more_themes_than_events_and_a_single_event_are_no_special_case():
    layer = mixture(num_themes=8)
    vectors = call(layer, Case.random((1, 1), (2, 1), routed=True).inputs())
    assert np.isfinite(vectors.flat_values).all()


def test_without_routing_the_model_s_own_embeddings_are_routed(tmp_path):
    """No tokens, no router: a codebook that starts at random and learns from losses of its own."""
    check_sequence_layer(lambda: MixtureOfSequence(DIN(hidden_units=6, num_heads=2), num_themes=3), tmp_path)


def test_routing_losses_move_the_router_and_nothing_else():
    layer = MixtureOfSequence(DIN(hidden_units=6, num_heads=2), num_themes=3)
    inputs = Case.random((9, 0, 6), (3, 2, 1)).inputs()
    with tf.GradientTape() as tape:
        tape.watch(inputs["history"].flat_values)
        layer(inputs["history"], inputs["candidates"], history_time=inputs["history_time"], training=True)
        loss = tf.add_n(layer.losses)
    assert len(layer.losses) == 2  # codebook and session
    weights = [weight.value for weight in layer.trainable_weights]
    gradients = tape.gradient(loss, [inputs["history"].flat_values, *weights])
    moved = {
        weight.path for weight, gradient in zip(layer.trainable_weights, gradients[1:], strict=True)
        if gradient is not None
    }  # fmt: skip
    assert gradients[0] is None
    assert {path.rsplit("/", 1)[-1] for path in moved} == {"projection", "codebook_3"}


def test_given_embeddings_are_routed():
    layer = MixtureOfSequence(DIN(hidden_units=6, num_heads=2), num_themes=3)
    inputs = Case.random((9, 0, 6), (3, 2, 1)).inputs()
    given = inputs["history"].with_values(tf.concat([inputs["history"].flat_values] * 2, axis=1))
    wanted = inputs["candidates"].with_values(tf.concat([inputs["candidates"].flat_values] * 2, axis=1))
    _, routing = layer(inputs["history"], inputs["candidates"], routing=(given, wanted), return_routing=True)
    assert layer.router.projection.shape == (16, 32)
    np.testing.assert_array_equal(routing.history_themes.flat_values, layer.router(given.flat_values))
