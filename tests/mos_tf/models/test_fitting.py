import keras
import numpy as np
import pytest

from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.encoders import DIN
from mos_tf.models.fitting import fit_best
from tests.support.ranked_requests import SPEC, planted_dataset, vocabularies


@pytest.mark.slow
def test_the_state_that_is_kept_is_the_best_one_validated():
    keras.utils.set_random_seed(0)
    ids = {name: vocabulary.num_ids for name, vocabulary in vocabularies().items()}
    mixture = MixtureOfSequence(DIN(hidden_units=8, num_heads=2), num_themes=(2, 4))
    ranker = SequenceRanker(SPEC, ids, mixture, embedding_dim=8)
    validation = planted_dataset(seed=1)
    ranker.adapt(planted_dataset())
    history = fit_best(
        ranker, planted_dataset().repeat(), validation, steps=12, validations=4, learning_rate=0.03
    ).history
    assert len(history["val_gauc"]) == 4
    evaluated = ranker.evaluate(validation, return_dict=True, verbose=0)
    assert evaluated["gauc"] == pytest.approx(max(history["val_gauc"]), abs=1e-5)
    np.testing.assert_allclose(ranker.optimizer.learning_rate, 0.0, atol=1e-6)  # the budget is used up
