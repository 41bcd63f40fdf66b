import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from mos_tf import FeatureSpec, MixtureOfSequence, SequenceRanker
from mos_tf.encoders import DIN
from mos_tf.models.first_stage import FirstStage
from mos_tf.moe import GShard
from tests.support.ranked_requests import SPEC, planted_dataset, planted_requests, vocabularies


def small_ranker(sequence=None, **kwargs) -> SequenceRanker:
    ids = {name: vocabulary.num_ids for name, vocabulary in vocabularies().items()}
    sequence = sequence or MixtureOfSequence(DIN(hidden_units=8, num_heads=2), num_themes=(2, 4), window=5)
    return SequenceRanker(SPEC, ids, sequence, embedding_dim=8, **kwargs)


@pytest.fixture(scope="module")
def trained() -> SequenceRanker:
    keras.utils.set_random_seed(0)
    ranker = small_ranker()
    ranker.compile(keras.optimizers.Adam(0.01))
    ranker.fit(planted_dataset(), validation_data=planted_dataset(seed=1), epochs=4, verbose=0)
    return ranker


def test_fit_learns_what_the_history_tells(trained):
    history = trained.history.history
    assert history["val_gauc"][-1] > 0.7
    assert history["loss"][-1] < history["loss"][0]
    assert {"val_auc", "theme_entropy", "theme_max_share", "theme_unused"} <= set(history)


def test_a_training_step_is_traced_once(monkeypatch):
    traces, step = [], SequenceRanker.train_step
    monkeypatch.setattr(SequenceRanker, "train_step", lambda self, data: [traces.append(1), step(self, data)][1])
    ranker = small_ranker()
    ranker.compile()
    ranker.fit(planted_dataset(), epochs=2, verbose=0)
    assert len(traces) == 1


def test_adapting_says_what_it_adapted(capfd):
    small_ranker().adapt(planted_dataset())
    said = capfd.readouterr().out
    assert "adapted 2/4 themes of category" in said and "adapted quantiles of" in said


def test_a_request_scores_alone_as_in_a_batch_whatever_the_order(trained):
    features, _ = next(iter(planted_dataset(batch_size=16)))
    together = trained(features)
    for row in (0, 3, 7):
        alone = trained({name: value[row : row + 1] for name, value in features.items()})
        np.testing.assert_allclose(alone.flat_values, together[row], atol=1e-6)
    backwards = {name: tf.reverse(v, [0]) if isinstance(v, tf.Tensor) else v[::-1] for name, v in features.items()}
    np.testing.assert_allclose(trained(backwards)[::-1].flat_values, together.flat_values, atol=1e-6)


def test_requests_without_events_or_candidates_are_valid(trained):
    dataset = planted_dataset(requests=planted_requests(lengths=(0, 0, 5), candidates=(0, 3, 0)), batch_size=3)
    features, label = next(iter(dataset))
    scores = trained(features)
    assert scores.row_lengths().numpy().tolist() == [0, 3, 0]
    assert np.isfinite(scores.flat_values).all()
    assert np.isfinite(trained.compute_loss(features, label, trained(features, logits=True)))
    nothing = {name: value[:0] for name, value in features.items()}
    assert trained(nothing).flat_values.shape == (0,)


def test_a_batch_without_any_candidate_has_a_loss_of_zero(trained):
    dataset = planted_dataset(requests=planted_requests(lengths=(3,), candidates=(0,)), batch_size=1)
    features, label = next(iter(dataset))
    assert float(trained.compute_loss(features, label, trained(features, logits=True))) == 0.0


def test_gradients_reach_every_weight_and_are_finite(trained):
    features, label = next(iter(planted_dataset(batch_size=64)))
    with tf.GradientTape() as tape:
        loss = trained.compute_loss(features, label, trained(features, logits=True))
    gradients = tape.gradient(loss, [weight.value for weight in trained.trainable_weights])
    for weight, gradient in zip(trained.trainable_weights, gradients, strict=True):
        assert gradient is not None, f"no gradient reaches {weight.path}"
        values = gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient
        assert np.isfinite(values).all() and np.any(values != 0), weight.path


def test_explanations_agree_with_scores_and_name_a_theme_of_the_routing_resolution(trained):
    features, _ = next(iter(planted_dataset(batch_size=8)))
    told = trained.explain(features)
    np.testing.assert_allclose(told["scores"].flat_values, trained(features).flat_values, atol=1e-6)
    tokens = features["candidate_category"].flat_values.numpy()
    np.testing.assert_array_equal(told["themes"].flat_values, trained.theme_table()[4][tokens])
    np.testing.assert_allclose(tf.reduce_sum(told["gates"].flat_values, axis=1), 1.0, atol=1e-5)


def test_unseen_items_score_through_their_category(trained):
    features, _ = next(iter(planted_dataset(batch_size=8)))
    unknown = vocabularies()["item_id"].num_ids - 1
    unseen = features | {"candidate_item_id": tf.ones_like(features["candidate_item_id"]) * unknown}
    scores = trained(unseen).flat_values
    assert np.isfinite(scores).all() and np.std(scores) > 0.01


def test_further_keys_are_ignored(trained):
    features, _ = next(iter(planted_dataset(batch_size=4)))
    more = features | {"banner": tf.constant(["a", "b", "c", "d"])}
    np.testing.assert_array_equal(trained(more).flat_values, trained(features).flat_values)


def test_a_saved_ranker_scores_the_same_and_trains_on(trained, tmp_path):
    trained.save(tmp_path / "ranker.keras")
    reloaded = keras.saving.load_model(tmp_path / "ranker.keras")
    features, label = next(iter(planted_dataset(batch_size=8)))
    np.testing.assert_array_equal(reloaded(features).flat_values, trained(features).flat_values)
    assert np.isfinite(reloaded.train_on_batch(features, label)[0])


@pytest.mark.slow
def test_an_encoder_alone_trains_saves_and_reloads(tmp_path):
    ranker = small_ranker(DIN(hidden_units=8, num_heads=2))
    ranker.compile()
    ranker.fit(planted_dataset(), epochs=1, verbose=0)
    ranker.save(tmp_path / "ranker.keras")
    reloaded = keras.saving.load_model(tmp_path / "ranker.keras")
    features, _ = next(iter(planted_dataset(batch_size=8)))
    np.testing.assert_array_equal(reloaded(features).flat_values, ranker(features).flat_values)
    assert ranker.theme_table() == {}
    assert set(ranker.explain(features)["themes"].flat_values.numpy()) == {-1}


def test_a_fresh_process_that_imports_the_ranker_can_load_it(trained, tmp_path):
    trained.save(tmp_path / "ranker.keras")
    path = str(tmp_path / "ranker.keras")
    load = f"from mos_tf import SequenceRanker; import keras; keras.saving.load_model({path!r})"
    done = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_mixed_precision_trains_to_finite_scores():
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        ranker = small_ranker()
        ranker.compile()
        history = ranker.fit(planted_dataset(), epochs=1, verbose=0).history
    finally:
        keras.config.set_dtype_policy(previous)
    features, _ = next(iter(planted_dataset(batch_size=8)))
    assert np.isfinite(history["loss"][0])
    assert ranker(features).dtype == tf.float32


def test_calling_before_fit_says_what_to_do():
    features, _ = next(iter(planted_dataset(batch_size=4)))
    with pytest.raises(ValueError, match=r"call fit\(dataset\) or adapt\(dataset\) first"):
        small_ranker()(features)


def test_an_endless_dataset_is_adapted_to_only_within_bounds():
    ranker = small_ranker()
    with pytest.raises(ValueError, match="pass max_batches"):
        ranker.adapt(planted_dataset().repeat())
    ranker.adapt(planted_dataset().repeat(), max_batches=3)
    assert ranker.head.adapted


def test_a_feature_without_num_ids_is_named():
    with pytest.raises(ValueError, match=r"nothing for \['category', 'channel', 'store'\]"):
        SequenceRanker(SPEC, {"item_id": 10})


def test_vectors_of_items_start_as_long_as_asked_for_and_those_of_other_features_as_ever():
    tables = []
    for item_start in (1.0, 0.1):
        keras.utils.set_random_seed(0)
        tables.append(small_ranker(item_start=item_start).embed.tables)
    usual, short = ({name: table.embeddings.numpy() for name, table in of.items()} for of in tables)
    np.testing.assert_allclose(short["item_id"], 0.1 * usual["item_id"], rtol=1e-5)
    np.testing.assert_array_equal(short["category"], usual["category"])


def test_event_dropout_changes_training_but_not_scoring(trained):
    features, _ = next(iter(planted_dataset(batch_size=8)))
    np.testing.assert_array_equal(trained(features).flat_values, trained(features).flat_values)
    assert np.any(trained(features, training=True).flat_values != trained(features, training=True).flat_values)


def test_the_default_ranker_is_a_mixture_of_sequence_around_din():
    ranker = SequenceRanker(FeatureSpec(), {"item_id": 500})
    assert isinstance(ranker.sequence, MixtureOfSequence) and isinstance(ranker.sequence.global_expert, DIN)
    assert ranker.router.num_themes == (8, 32, 128)


@pytest.mark.slow
def test_themes_learn_on_in_fit_and_come_back_from_the_file(tmp_path):
    mixture = MixtureOfSequence(DIN(hidden_units=8, num_heads=2), num_themes=(2, 4), routing_unit="session")
    mixture.make_router(vocabularies()["category"].num_ids, learn=True)
    ranker = small_ranker(mixture)
    ranker.compile(keras.optimizers.Adam(0.01))
    ranker.adapt(planted_dataset())
    before = np.array(ranker.router.embeddings)
    ranker.fit(planted_dataset(), epochs=1, verbose=0)
    assert np.abs(np.asarray(ranker.router.embeddings) - before).max() > 1e-3
    ranker.save(tmp_path / "ranker.keras")
    reloaded = keras.saving.load_model(tmp_path / "ranker.keras")
    features, _ = next(iter(planted_dataset(batch_size=8)))
    np.testing.assert_array_equal(reloaded(features).flat_values, ranker(features).flat_values)


@pytest.mark.slow
def test_a_counterpart_trains_in_the_ranker_and_shows_its_load():
    ranker = small_ranker(GShard(DIN(hidden_units=8, num_heads=2), num_experts=4, name="moe"))
    ranker.compile()
    history = ranker.fit(planted_dataset(), epochs=1, verbose=0).history
    assert 0 < history["moe_entropy"][0] <= np.log(4) + 1e-6


@pytest.mark.parametrize("levels", [("item_id",), ("theme_4", "category")])
def test_affinity_is_counted_at_the_levels_that_are_named(levels, tmp_path):
    ranker = small_ranker(affinity_levels=levels)
    ranker.adapt(planted_dataset())
    every = small_ranker()
    every.adapt(planted_dataset())
    features, _ = next(iter(planted_dataset()))
    kept = [level for level in every.affinity.levels if level in levels]
    assert ranker.affinity.levels == tuple(kept)
    assert ranker.candidate_numbers.similarity.levels == tuple(level for level in kept if level != "item_id")
    counted, compared, popularity = np.split(every.numbers(features).numpy(), [every.affinity.output_dim, -1], axis=1)

    def of(numbers, layer):
        """The numbers of "all" and of the levels that are kept."""
        blocks = np.split(numbers, 1 + len(layer.levels), axis=1)
        return [blocks[0], *(block for level, block in zip(layer.levels, blocks[1:], strict=True) if level in levels)]

    similar = of(compared, every.candidate_numbers.similarity)
    expected = np.concatenate([*of(counted, every.affinity), *similar, popularity], axis=1)
    np.testing.assert_array_equal(ranker.numbers(features), expected)
    ranker.save(tmp_path / "ranker.keras")
    again = keras.models.load_model(tmp_path / "ranker.keras")
    np.testing.assert_array_equal(again(features).flat_values, ranker(features).flat_values)


@pytest.mark.parametrize("sequence", [DIN(hidden_units=8, num_heads=2), None])
def test_without_affinity_the_numeric_features_are_all_that_is_known_of_a_candidate(sequence):
    ranker = small_ranker(sequence, affinity_levels=())
    ranker.compile()
    history = ranker.fit(planted_dataset(), verbose=0)
    assert ranker.affinity is None
    assert ranker.candidate_numbers.output_dim == 1  # popularity
    assert np.isfinite(history.history["loss"]).all()


def test_an_affinity_level_that_is_none_is_named():
    with pytest.raises(ValueError, match=r"levels \['item_id', .*Received: affinity_levels=\('brand',\)"):
        small_ranker(affinity_levels=("brand",))


def test_a_ranker_that_knows_no_number_of_a_candidate_learns_from_the_sequence_alone(tmp_path):
    ids = {"item_id": 61}
    ranker = SequenceRanker(
        FeatureSpec(), ids, DIN(hidden_units=8, num_heads=2), embedding_dim=8, affinity_levels=(),
        first_stage=FirstStage(epochs=1),
    )  # fmt: skip
    ranker.compile(keras.optimizers.Adam(0.01))
    losses = ranker.fit(planted_dataset(), epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    features, _ = next(iter(planted_dataset()))
    ranker.save(tmp_path / "ranker.keras")
    again = keras.models.load_model(tmp_path / "ranker.keras")
    np.testing.assert_array_equal(again(features).flat_values, ranker(features).flat_values)
