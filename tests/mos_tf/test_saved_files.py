"""Files of earlier versions load and answer as they did, and a file says what to import where it cannot load."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.support.ranked_requests import planted_dataset
from tests.support.saved_files import LAYERS, RANKERS, SAVED, inputs_of, requests_of
from tests.support.sequence_layers import session_answer

FORMATS = sorted(path.name for path in SAVED.iterdir())


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("saved", FORMATS)
def test_a_committed_file_loads_and_answers_as_it_did(saved, name):
    with np.load(SAVED / saved / "answers.npz") as answers:
        model = keras.saving.load_model(SAVED / saved / f"{name}.keras")
        np.testing.assert_allclose(model(inputs_of(name)).flat_values, answers[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", RANKERS)
@pytest.mark.parametrize("saved", FORMATS)
def test_a_committed_ranker_loads_scores_as_it_did_and_trains_on(saved, name):
    ranker = keras.saving.load_model(SAVED / saved / f"{name}.keras")
    with np.load(SAVED / saved / "answers.npz") as answers:
        np.testing.assert_allclose(ranker(requests_of(name)).flat_values, answers[name], rtol=1e-5, atol=1e-5)
    ranker.fit(planted_dataset(spec=ranker.spec).take(1), verbose=0)


@pytest.mark.parametrize("saved", FORMATS)
def test_a_committed_saved_model_answers_through_the_loader_of_tensorflow_serving(saved):
    with np.load(SAVED / saved / "answers.npz") as answers:
        vectors = session_answer(inputs_of("mixture"), SAVED / saved / "saved_model")
        np.testing.assert_allclose(vectors, answers["mixture"], rtol=1e-5, atol=1e-5)


def test_a_process_that_never_imported_the_class_is_told_what_to_import():
    path = str(SAVED / FORMATS[-1] / "din.keras")
    load = f"import keras; keras.saving.load_model({path!r})"
    done = subprocess.run([sys.executable, "-c", load], capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "mos_tf.encoders.din" in done.stderr and "imported" in done.stderr
