"""What a ranker may be given, and the one line read by who gives it something else."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mos_tf import MixtureOfSequence, Objective, SequenceRanker
from mos_tf.encoders import DIN
from mos_tf.features import CANDIDATE, HISTORY, LOG_SAMPLING_PROBABILITY, TIMESTAMP
from mos_tf.layers import EmbeddingRouter
from mos_tf.losses import request_softmax
from mos_tf.metrics import LogLoss
from tests.support.ranked_requests import SPEC, planted_dataset, vocabularies

IDS = {name: vocabulary.num_ids for name, vocabulary in vocabularies().items()}


def small_ranker(**kwargs) -> SequenceRanker:
    return SequenceRanker(SPEC, IDS, DIN(hidden_units=4, num_heads=2), embedding_dim=8, **kwargs)


@pytest.fixture(scope="module")
def adapted() -> SequenceRanker:
    keras.utils.set_random_seed(0)
    ranker = small_ranker()
    ranker.adapt(planted_dataset())
    ranker.compile()
    return ranker


@pytest.fixture(scope="module")
def batch():
    return next(iter(planted_dataset()))


ITEMS = CANDIDATE + "item_id"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({HISTORY + "category": None}, r"without \['history_category'\]"),
        (
            {ITEMS: lambda x: x.to_tensor()},
            r"candidate_item_id is a tf.RaggedTensor \[batch, \(values\)\]. Received: Eager",
        ),
        ({"request_time": lambda x: x[:, None]}, r"request_time has 1 axes. Received: shape"),
        ({ITEMS: lambda x: tf.cast(x, tf.float32)}, "candidate_item_id holds integers .*Received: float32"),
        (
            {ITEMS: lambda x: x.with_values(tf.as_string(x.values))},
            "candidate_item_id holds integers .*Received: string",
        ),
    ],
)
def test_features_of_another_form_are_named(adapted, batch, changed, message):
    features = {name: x for name, x in batch[0].items() if changed.get(name, x) is not None}
    features |= {name: change(features[name]) for name, change in changed.items() if change is not None}
    with pytest.raises(ValueError, match=message):
        adapted.score(features)


def test_events_from_behind_the_request_are_of_its_own_instant(adapted, batch):
    features, _ = batch
    times = features[HISTORY + TIMESTAMP]
    moments = tf.gather(features["request_time"], times.value_rowids())
    now, behind = (adapted({**features, HISTORY + TIMESTAMP: times.with_values(moments + late)}) for late in (0, 10**6))
    np.testing.assert_array_equal(now.flat_values, behind.flat_values)
    assert np.all(np.isfinite(now.flat_values))


def test_weights_of_samples_and_classes_are_refused(adapted):
    weighted = planted_dataset().map(lambda x, y: (x, y, 0.0 * y))
    for call in (adapted.evaluate, adapted.fit):
        with pytest.raises(ValueError, match="weighed by the objective.*Objective"):
            call(weighted, verbose=0)
    with pytest.raises(ValueError, match="weighed by the objective"):
        adapted.fit(planted_dataset(), class_weight={0: 1.0, 1: 5.0})


@pytest.mark.parametrize("wrong", [{"loss": "mse"}, {"jit_compile": True}])
def test_a_loss_and_xla_are_refused_when_compiling(wrong):
    with pytest.raises(ValueError, match=f"Received: {next(iter(wrong))}"):
        small_ranker().compile(**wrong)


def test_metrics_see_every_candidate_s_label_and_probability(adapted):
    adapted.compile(metrics=[LogLoss(name="log_loss"), keras.metrics.AUC(name="other_auc")])
    found = adapted.evaluate(planted_dataset(), return_dict=True, verbose=0)
    assert found["other_auc"] == pytest.approx(found["auc"], abs=0.01)
    labels, scores = [], []
    for features, label in planted_dataset():
        labels.append(label.flat_values)
        scores.append(adapted(features).flat_values)
    expected = keras.losses.binary_crossentropy(np.concatenate(labels), np.concatenate(scores))
    assert found["log_loss"] == pytest.approx(float(expected), abs=1e-5)


def test_an_endless_dataset_needs_the_number_of_steps(adapted):
    with pytest.raises(ValueError, match="pass steps_per_epoch"):
        adapted.fit(planted_dataset().repeat())


def test_export_says_who_exports(adapted):
    with pytest.raises(NotImplementedError, match="serving.export_ranker"):
        adapted.export("anywhere")


def test_negatives_drawn_by_popularity_are_corrected_for(batch):
    ranker = small_ranker(objective=Objective(loss="request_softmax"))
    ranker.adapt(planted_dataset())
    features, label = batch
    drawn = tf.random.stateless_uniform(tf.shape(label.flat_values), [1, 2], -3.0, 0.0)
    features = {**features, CANDIDATE + LOG_SAMPLING_PROBABILITY: label.with_values(drawn)}
    logits = ranker(features, logits=True)
    expected = request_softmax(
        label.flat_values, logits.flat_values, logits.value_rowids(), logits.nrows(), log_sampling_probability=drawn
    )
    np.testing.assert_allclose(ranker.compute_loss(features, label, logits), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SequenceRanker(SPEC, IDS, DIN(output_dim=16), embedding_dim=8), "output_dim=16, embedding_dim=8"),
        (
            lambda: SequenceRanker(SPEC, IDS, MixtureOfSequence(DIN(), 2, router=EmbeddingRouter(2))),
            "Received: a mixture with EmbeddingRouter",
        ),
        (lambda: SequenceRanker(SPEC, IDS, DIN(), dtype="mixed_bfloat16"), "mixed_bfloat16 around float32"),
        (lambda: small_ranker(event_dropout=2.0), "event_dropout=2.0"),
    ],
)
def test_a_ranker_that_could_not_score_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_adapting_again_starts_anew(capfd):
    mixture = MixtureOfSequence(DIN(hidden_units=4, num_heads=2), num_themes=2)
    ranker = SequenceRanker(SPEC, IDS, mixture, embedding_dim=8, priors=True)
    ranker.adapt(planted_dataset())
    counted = {name: np.array(table) for name, table in ranker.candidate_numbers.priors.tables.items()}
    capfd.readouterr()
    ranker.adapt(planted_dataset())
    assert "adapted 2 themes" in capfd.readouterr().out
    for name, table in ranker.candidate_numbers.priors.tables.items():
        np.testing.assert_array_equal(table, counted[name])


def test_themes_that_a_router_brought_along_are_kept(capfd):
    mixture = MixtureOfSequence(DIN(hidden_units=4, num_heads=2), num_themes=2)
    mixture.make_router(IDS["category"]).adapt(np.repeat(np.arange(8), 2), np.arange(16) % 4)
    themes = np.array(mixture.router.table)
    ranker = SequenceRanker(SPEC, IDS, mixture, embedding_dim=8)
    ranker.adapt(planted_dataset())
    assert "themes" not in capfd.readouterr().out
    np.testing.assert_array_equal(mixture.router.table, themes)
