import warnings
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from mos_tf import SequenceRanker
from mos_tf.encoders import DIN
from mos_tf.features import ITEM_ID
from mos_tf.models import FirstStage
from mos_tf.models import ranker as ranker_module
from mos_tf.models.first_stage import Trained, _batches, train_first_stage
from mos_tf.models.fitting import fit_best
from tests.support.ranked_requests import SPEC, planted_dataset, planted_requests, vocabularies


def small_ranker(**kwargs) -> SequenceRanker:
    ids = {name: vocabularies()[name].num_ids for name in SPEC.categoricals}
    ranker = SequenceRanker(SPEC, ids, DIN(hidden_units=8, num_heads=2), embedding_dim=8, **kwargs)
    ranker.compile()
    return ranker


def test_the_first_stage_trains_the_tower_of_numbers_and_nothing_else():
    keras.utils.set_random_seed(0)
    ranker = small_ranker()
    ranker.adapt(planted_dataset())
    weights = ranker.trainable_weights
    before = {weight.path: weight.numpy() for weight in weights}
    tower = {weight.path for weight in ranker.head.number_weights}
    first = train_first_stage(ranker, planted_dataset(), FirstStage(epochs=1))
    assert train_first_stage(ranker, planted_dataset(), FirstStage(epochs=10)).loss < first.loss
    moved = {weight.path for weight in weights if np.any(weight.numpy() != before[weight.path])}
    assert moved == tower


def noise() -> tf.data.Dataset:
    """Requests whose labels nothing tells."""
    rng = np.random.default_rng(0)
    requests = [
        replace(request, label=rng.integers(0, 2, len(request.candidates[ITEM_ID])).astype("float32"))
        for request in planted_requests()
    ]
    return planted_dataset(requests=requests)


def first_stage_of(dataset: tf.data.Dataset, settings: FirstStage) -> tuple[Trained, list[np.ndarray]]:
    keras.utils.set_random_seed(0)
    ranker = small_ranker()
    ranker.adapt(dataset)
    trained = train_first_stage(ranker, dataset, settings)
    return trained, tower_of(ranker)


def test_it_ends_where_held_out_requests_are_ranked_no_better_and_keeps_the_best():
    settings = {"batch_size": 16, "learning_rate": 0.01, "ema_momentum": 0.5}
    trained, tower = first_stage_of(noise(), FirstStage(**settings))
    assert trained.epochs < 17  # three more were looked at
    for epochs in (trained.epochs, trained.epochs + 1):
        again, alike = first_stage_of(noise(), FirstStage(epochs=epochs, **settings))
        assert again == trained
        for one, other in zip(tower, alike, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("held_out", "number"), [(0.0, 40), (0.1, 9)])
def test_where_nothing_is_held_out_it_trains_for_all_epochs(held_out, number):
    requests = planted_requests(lengths=[20] * number, candidates=[3] * number)
    dataset = planted_dataset(requests=requests)
    trained, _ = first_stage_of(dataset, FirstStage(learning_rate=0.02, held_out=held_out))
    assert trained.epochs == FirstStage().epochs


def test_a_loss_that_is_never_finite_is_told_and_what_caused_it_can_be_mended(capfd):
    ranker = small_ranker(first_stage=FirstStage(epochs=4))
    ranker.adapt(planted_dataset())
    before = tower_of(ranker)
    broken = planted_dataset().map(lambda features, label: (features, label * np.nan))
    with pytest.raises(ValueError, match=r"must be finite. Received: nan"):
        ranker.prepare(broken, None)
    for one, other in zip(before, tower_of(ranker), strict=True):
        np.testing.assert_array_equal(one, other)
    ranker.prepare(planted_dataset(), None)
    assert "trained the tower of numbers for 4 epochs" in capfd.readouterr().out


def trained_tower(**settings) -> tuple[SequenceRanker, list[np.ndarray], list[np.ndarray]]:
    """A ranker that had a first stage and an epoch: it, and its tower of numbers before and after the epoch."""
    keras.utils.set_random_seed(0)
    ranker = small_ranker(first_stage=FirstStage(epochs=1, **settings))
    ranker.prepare(planted_dataset(), None)
    before = tower_of(ranker)
    ranker.fit(planted_dataset(), epochs=1, verbose=0)
    return ranker, before, tower_of(ranker)


def tower_of(ranker: SequenceRanker) -> list[np.ndarray]:
    head = ranker.head
    return [
        np.array(weight.numpy())
        for layer in (head.embed_numbers, head.number_tower, head.code_weights)
        for weight in layer.variables
        if weight.dtype == "float32"
    ]


def test_the_steps_after_it_leave_the_tower_of_numbers_as_it_is():
    ranker, before, after = trained_tower()
    assert ranker.head.holds_numbers and not ranker.head.number_weights
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    assert ranker.embed.trained


def test_a_tower_that_is_not_held_trains_on():
    ranker, before, after = trained_tower(hold=False)
    assert ranker.head.number_weights
    assert any(np.any(one != other) for one, other in zip(before, after, strict=True))


def test_a_held_tower_has_no_dropout():
    ranker, *_ = trained_tower()
    numbers = np.random.default_rng(0).normal(size=(50, ranker.candidate_numbers.output_dim)).astype("float32")
    blank = [np.zeros((50, 8), "float32")] * 2
    head = ranker.head
    evidence = np.zeros((50, head.sequence_tower.input_shape[-1] - 16), "float32")
    for layer in head.sequence_tower.layers:  # what it says, dropout or not, is 0
        for weight in layer.trainable_weights:
            weight.assign(np.zeros(weight.shape))
    np.testing.assert_array_equal(
        head(numbers, *blank, evidence, training=True), head(numbers, *blank, evidence, training=False)
    )
    head.hold_numbers(False)
    assert np.any(
        head(numbers, *blank, evidence, training=True) != np.array(head(numbers, *blank, evidence, training=False))
    )


def test_a_ranker_from_a_file_goes_on_with_its_tower_held(tmp_path):
    ranker, before, _ = trained_tower()
    ranker.save(tmp_path / "ranker.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Keras warns where an optimizer finds other weights than it left
        again = keras.saving.load_model(tmp_path / "ranker.keras")
    assert int(again.optimizer.iterations) == int(ranker.optimizer.iterations) > 0
    for one, other in zip(ranker.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    again.fit(planted_dataset(), epochs=1, verbose=0)
    for one, other in zip(before, tower_of(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_ranker_adapted_anew_trains_the_tower_for_its_new_quantiles_and_holds_it_again(capfd):
    ranker, before, _ = trained_tower()
    capfd.readouterr()
    ranker.adapt(planted_dataset())
    ranker.prepare(planted_dataset(), None)
    assert capfd.readouterr().out.count("trained the tower of numbers") == 1
    assert any(np.any(one != other) for one, other in zip(before, tower_of(ranker), strict=True))
    assert ranker.head.holds_numbers
    ranker.prepare(planted_dataset(), None)
    assert "trained the tower" not in capfd.readouterr().out


def test_a_file_of_before_towers_were_held_trains_on_as_it_did():
    config = small_ranker(first_stage=FirstStage(epochs=1)).get_config()
    assert config["first_stage"].pop("hold") is True
    again = SequenceRanker.from_config(config)
    assert again.first_stage == FirstStage(epochs=1, hold=False)
    assert not again.head.holds_numbers


@pytest.mark.slow
def test_fit_runs_it_once_before_the_first_step(capfd):
    ranker = small_ranker(first_stage=FirstStage(epochs=2))
    ranker.fit(planted_dataset(), epochs=1, verbose=0)
    assert "trained the tower of numbers for 2 epochs" in capfd.readouterr().out
    ranker.fit(planted_dataset(), epochs=1, verbose=0)
    assert "trained the tower" not in capfd.readouterr().out


@pytest.mark.slow
def test_the_best_fit_runs_it_once_over_all_it_trains_on(monkeypatch, capfd):
    """Not over the first part of an endless dataset, which is an epoch to `fit`."""
    seen = []
    monkeypatch.setattr(
        ranker_module,
        "train_first_stage",
        lambda ranker, batches, settings: seen.append(len(list(batches))) or (1, 0.0),
    )
    ranker = small_ranker(first_stage=FirstStage(epochs=1))
    train = planted_dataset().repeat()
    fit_best(ranker, train, planted_dataset(), steps=8, validations=4, learning_rate=0.01)
    assert seen == [8]


def test_batches_hold_whole_requests_in_the_order_asked_for():
    splits = np.array([0, 2, 2, 5, 6])
    seen = []
    for rows, part in _batches(splits, np.array([3, 1, 2, 0]), 3):
        assert part[-1] == len(rows)
        seen += [rows[start:end].tolist() for start, end in zip(part[:-1], part[1:], strict=True)]
    assert seen == [[5], [], [2, 3, 4], [0, 1]]


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"held_out": 1.0}, {"ema_momentum": 1.0}, {"learning_rate": 0.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FirstStage(**wrong)
