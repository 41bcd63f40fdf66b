"""A ranker with everything that can be asked of one: item table, hashing, time, priors, crosses, two stages."""

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mos_tf import Feature, FeatureSpec, MixtureOfSequence, SequenceRanker, Vocabulary
from mos_tf.encoders import DIN
from mos_tf.models import FirstStage, ItemTable, Objective
from tests.support.ranked_requests import RICH_SPEC, planted_dataset, planted_item_table, vocabularies


def rich_ranker(**changes) -> SequenceRanker:
    ids = {name: vocabularies()[name].num_ids for name in RICH_SPEC.categoricals}
    settings: dict[str, Any] = {
        "item_table": planted_item_table(),
        "objective": Objective(negative_sampling_rate=0.5, positive_weight=2.0),
        "first_stage": FirstStage(epochs=1),
        "embedding_learning_scale": 0.3,
        "item_start": 0.5,
        "time_features": True,
        "priors": True,
        "cross_layers": 2,
    }
    sequence = MixtureOfSequence(DIN(hidden_units=8, num_heads=2), num_themes=(2, 4), window=5)
    return SequenceRanker(RICH_SPEC, ids, sequence, embedding_dim=8, **settings | changes)


@pytest.fixture(scope="module")
def trained() -> SequenceRanker:
    keras.utils.set_random_seed(0)
    ranker = rich_ranker()
    ranker.compile()
    ranker.fit(planted_dataset(spec=RICH_SPEC), epochs=1, verbose=0)
    return ranker


@pytest.fixture(scope="module")
def batch() -> tuple:
    return next(iter(planted_dataset(batch_size=64, spec=RICH_SPEC)))


@pytest.mark.slow
def test_it_saves_and_reloads_with_identical_scores_and_settings(trained, batch, tmp_path):
    trained.save(tmp_path / "ranker.keras")
    reloaded = keras.saving.load_model(tmp_path / "ranker.keras")
    np.testing.assert_array_equal(reloaded(batch[0]).flat_values, trained(batch[0]).flat_values)
    first, second = trained.get_config(), reloaded.get_config()
    # Keras says of a layer read from a file how it was built, of one made here nothing.
    assert {k: v for k, v in first.items() if k != "sequence"} == {k: v for k, v in second.items() if k != "sequence"}
    assert np.isfinite(reloaded.train_on_batch(*batch)[0])


@pytest.mark.slow
def test_gradients_reach_every_weight(trained, batch):
    with tf.GradientTape() as tape:
        loss = trained.compute_loss(*batch, trained(batch[0], training=True, logits=True))
    for weight, gradient in zip(trained.trainable_weights, tape.gradient(loss, trained.trainable_weights), strict=True):
        assert gradient is not None, f"no gradient reaches {weight.path}"
        assert np.isfinite(gradient.values if isinstance(gradient, tf.IndexedSlices) else gradient).all(), weight.path


@pytest.mark.slow
def test_scores_undo_negative_sampling(trained, batch):
    logits = trained(batch[0], logits=True).flat_values
    np.testing.assert_allclose(trained(batch[0]).flat_values, tf.sigmoid(logits + np.log(0.5)), atol=1e-6)
    np.testing.assert_array_equal(trained.explain(batch[0])["scores"].flat_values, trained(batch[0]).flat_values)


@pytest.mark.slow
def test_items_without_a_row_in_the_table_are_counted(trained, batch):
    items = batch[0]["candidate_item_id"].flat_values.numpy()
    told = trained.evaluate(tf.data.Dataset.from_tensors(batch), return_dict=True, verbose=0)
    assert told["unknown_items"] == pytest.approx(np.mean(items >= 59))


@pytest.mark.slow
def test_losses_that_layers_add_count(batch):
    class Costly(DIN):
        def encode(self, *args, **kwargs):
            self.add_loss(tf.constant(3.0))
            return super().encode(*args, **kwargs)

    def loss(encoder):
        keras.utils.set_random_seed(0)
        ranker = rich_ranker()
        ranker = SequenceRanker(
            RICH_SPEC, ranker.num_ids, encoder, item_table=planted_item_table(), embedding_dim=8, event_dropout=0.0
        )
        ranker.compile()
        ranker.adapt(planted_dataset(spec=RICH_SPEC))
        return ranker.evaluate(tf.data.Dataset.from_tensors(batch), return_dict=True, verbose=0)["loss"]

    assert loss(Costly(num_heads=2)) == pytest.approx(loss(DIN(num_heads=2)) + 3.0, abs=1e-4)


@pytest.mark.slow
def test_the_request_softmax_trains(batch):
    ranker = rich_ranker(objective=Objective(loss="request_softmax"))
    ranker.compile()
    history = ranker.fit(planted_dataset(spec=RICH_SPEC), epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]


@pytest.mark.slow
def test_priors_of_training_requests_leave_the_users_own_fold_out(trained, batch):
    own, scoring = (trained.numbers(batch[0], training=training).numpy() for training in (True, False))
    width = trained.candidate_numbers.priors.output_dim
    np.testing.assert_array_equal(own[:, :-width], scoring[:, :-width])
    assert np.any(own[:, -width:] != scoring[:, -width:], axis=0).all()


@pytest.mark.slow
def test_mixed_precision_trains_to_finite_float32_scores(batch):
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        ranker = rich_ranker()
        ranker.adapt(planted_dataset(spec=RICH_SPEC))
        ranker.compile()
        assert np.isfinite(ranker.train_on_batch(*batch)[0])
    finally:
        keras.config.set_dtype_policy(previous)
    scores = ranker(batch[0]).flat_values
    assert scores.dtype == tf.float32 and np.isfinite(scores).all()


def test_an_item_table_and_its_spec_belong_together():
    ids = {name: vocabularies()[name].num_ids for name in RICH_SPEC.categoricals}
    with pytest.raises(ValueError, match=r"item_table features \['brand', 'weight', 'tags', 'image'\]. Received: \[\]"):
        SequenceRanker(RICH_SPEC, ids)
    with pytest.raises(ValueError, match="Received: 61 and 62 ids"):
        SequenceRanker(RICH_SPEC, ids | {"item_id": 62}, item_table=planted_item_table())


TRAINED_ITEMS, CATALOGUE = 40, 60


def catalogue_ranker(feature: Feature, cells: list) -> SequenceRanker:
    """Returns a ranker of a catalogue in which nothing but one attribute tells items apart."""
    spec = FeatureSpec(features=(feature,))
    names = [f"item-{i}" for i in range(CATALOGUE)]
    items = pd.DataFrame({"item_id": names, feature.name: cells})
    vocabularies = {"item_id": Vocabulary(names), "attribute": Vocabulary(["good", "bad"])}
    table = ItemTable.from_items(items, spec, vocabularies)
    return SequenceRanker(spec, {"item_id": CATALOGUE + 1}, DIN(num_heads=2), item_table=table, embedding_dim=8)


def catalogue_requests(items: np.ndarray, labels: np.ndarray) -> tuple[dict, tf.RaggedTensor]:
    """Returns one request a row, without histories."""
    rows = len(items)
    nothing = tf.RaggedTensor.from_row_lengths(tf.zeros([0], tf.int64), tf.zeros([rows], tf.int64))
    features = {
        "user_id": tf.range(rows, dtype=tf.int64),
        "request_time": tf.fill([rows], tf.constant(10**9, tf.int64)),
        "history_item_id": nothing,
        "history_timestamp": nothing,
        "candidate_item_id": tf.RaggedTensor.from_tensor(tf.constant(items, tf.int64)),
    }
    return features, tf.RaggedTensor.from_tensor(tf.constant(labels, tf.float32))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tags", "vector"])
def test_an_item_that_training_never_showed_scores_by_what_the_table_says_of_it(kind):
    keras.utils.set_random_seed(0)
    good = np.arange(CATALOGUE) % 2 == 0
    if kind == "tags":
        feature = Feature(name="attribute", of="item_table", kind="tags")
        cells = [["good"] if is_good else ["bad"] for is_good in good]
    else:
        feature = Feature(name="attribute", of="item_table", kind="vector", dim=64)
        side = np.random.default_rng(1).normal(size=64)
        cells = [
            (1 if is_good else -1) * side + np.random.default_rng(i).normal(size=64) for i, is_good in enumerate(good)
        ]
    rng = np.random.default_rng(0)
    shown = rng.integers(0, TRAINED_ITEMS, (400, 5))
    dataset = tf.data.Dataset.from_tensor_slices(catalogue_requests(shown, good[shown])).batch(20)
    ranker = catalogue_ranker(feature, cells)
    ranker.compile(keras.optimizers.Adam(0.01))
    ranker.fit(dataset, epochs=3, verbose=0)
    unseen = np.arange(TRAINED_ITEMS, CATALOGUE)
    scores = ranker(catalogue_requests(unseen[None], good[unseen][None])[0]).flat_values.numpy()
    assert scores[good[unseen]].min() > scores[~good[unseen]].max() + 0.3


def test_an_item_that_training_never_showed_has_the_embedding_of_an_unknown_one():
    ranker = catalogue_ranker(Feature(name="attribute", of="item_table", kind="tags"), [["good"]] * CATALOGUE)
    features, labels = catalogue_requests(np.array([[3, 4]]), np.array([[1, 0]]))
    ranker.adapt(tf.data.Dataset.from_tensors((features, labels)))
    ranker.compile()
    ranker.train_on_batch(features, labels)
    told = catalogue_requests(np.array([[3, 7, 8, CATALOGUE]]), np.zeros((1, 4)))[0]
    embedded = ranker.embed(told, role="candidate").numpy()
    np.testing.assert_array_equal(embedded[1], embedded[2])
    assert np.any(embedded[0] != embedded[1])
    # The unknown item differs by its tags alone.
    tag = ranker.embed.tables["attribute"](tf.constant([0]))[0]
    np.testing.assert_allclose(embedded[1] - embedded[3], tag, atol=1e-6)
