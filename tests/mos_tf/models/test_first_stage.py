import keras
import numpy as np
import pytest

from mos_tf import SequenceRanker
from mos_tf.encoders import DIN
from mos_tf.models import FirstStage
from mos_tf.models import ranker as ranker_module
from mos_tf.models.first_stage import _shuffled, train_first_stage
from mos_tf.models.fitting import fit_best
from tests.support.ranked_requests import SPEC, planted_dataset, vocabularies


def small_ranker(**kwargs) -> SequenceRanker:
    ids = {name: vocabularies()[name].num_ids for name in SPEC.categoricals}
    ranker = SequenceRanker(SPEC, ids, DIN(hidden_units=8, num_heads=2), embedding_dim=8, **kwargs)
    ranker.compile()
    return ranker


def test_the_first_stage_trains_the_tower_of_numbers_and_nothing_else():
    keras.utils.set_random_seed(0)
    ranker = small_ranker()
    ranker.adapt(planted_dataset())
    before = {weight.path: weight.numpy() for weight in ranker.trainable_weights}
    tower = {weight.path for weight in ranker.head.number_weights}
    first = train_first_stage(ranker, planted_dataset(), FirstStage(epochs=1))
    assert train_first_stage(ranker, planted_dataset(), FirstStage(epochs=10)) < first
    moved = {weight.path for weight in ranker.trainable_weights if np.any(weight.numpy() != before[weight.path])}
    assert moved == tower


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
        ranker_module, "train_first_stage", lambda ranker, batches, settings: seen.append(len(list(batches))) or 0.0
    )
    ranker = small_ranker(first_stage=FirstStage(epochs=1))
    train = planted_dataset().repeat()
    fit_best(ranker, train, planted_dataset(), steps=8, validations=4, learning_rate=0.01)
    assert seen == [8]


def test_batches_hold_whole_requests_each_once():
    splits = np.array([0, 2, 2, 5, 6])
    seen = []
    for rows, part in _shuffled(splits, 3, np.random.default_rng(0)):
        assert part[-1] == len(rows)
        seen += [rows[start:end].tolist() for start, end in zip(part[:-1], part[1:], strict=True)]
    assert sorted(seen) == [[], [0, 1], [2, 3, 4], [5]]


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"ema_momentum": 1.0}, {"learning_rate": 0.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FirstStage(**wrong)
