import keras
import numpy as np
import pytest

from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.encoders import DIN
from mos_tf.models.fitting import fit_best
from tests.support.ranked_requests import SPEC, planted_dataset, vocabularies


def _ranker():
    ids = {name: vocabulary.num_ids for name, vocabulary in vocabularies().items()}
    mixture = MixtureOfSequence(DIN(hidden_units=8, num_heads=2), num_themes=(2, 4))
    ranker = SequenceRanker(SPEC, ids, mixture, embedding_dim=8)
    ranker.adapt(planted_dataset())
    return ranker


@pytest.mark.slow
def test_the_state_that_is_kept_is_the_best_one_validated():
    keras.utils.set_random_seed(0)
    ranker, validation = _ranker(), planted_dataset(seed=1)
    history, kept = fit_best(
        ranker, planted_dataset().repeat(), validation, steps=12, validations=4, learning_rate=0.03
    )
    assert len(history["val_gauc"]) == 4
    assert kept == 1 + np.argmax(history["val_gauc"])
    evaluated = ranker.evaluate(validation, return_dict=True, verbose=0)
    assert evaluated["gauc"] == pytest.approx(max(history["val_gauc"]), abs=1e-5)
    np.testing.assert_allclose(ranker.optimizer.learning_rate, 0.0, atol=1e-6)  # the budget is used up


@pytest.mark.slow
def test_a_training_that_makes_ranking_worse_leaves_the_ranker_as_it_was():
    keras.utils.set_random_seed(0)
    ranker, validation = _ranker(), planted_dataset(seed=1)
    ranker.prepare(planted_dataset(), None)
    before = ranker.get_weights()
    opposite = planted_dataset().map(lambda features, label: (features, label.with_flat_values(1 - label.flat_values)))
    history, kept = fit_best(ranker, opposite.repeat(), validation, steps=8, validations=2, learning_rate=0.01)
    assert kept == 0
    ranker.compile()
    assert max(history["val_gauc"]) < ranker.evaluate(validation, return_dict=True, verbose=0)["gauc"]
    for now, then in zip(ranker.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)
