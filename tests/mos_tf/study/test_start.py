from threading import Event, Thread

import keras
import numpy as np
import pytest

from mos_tf.encoders import DIN
from mos_tf.study import provenance, start
from mos_tf.study.groupings import table_of
from mos_tf.study.lock import locked
from mos_tf.study.mean_pooling import MeanPooling
from mos_tf.study.start import start_of
from mos_tf.study.training import score_of, scores_of, train
from mos_tf.study.variants import ROWS

OURS = ROWS["MoS + affinity"]


def same_start(one, other):
    return ROWS[one].start == ROWS[other].start


def test_rows_start_alike_that_have_the_same_numbers_and_themes_and_no_others():
    assert same_start("MoS + affinity", "without the theme expert") and same_start("MoS + affinity", "affinity alone")
    assert same_start("as published", "as published, window of 25")
    assert same_start("plain + affinity", "GShard + affinity")
    assert not same_start("plain + affinity", "plain + counts")
    assert not same_start("MoS + affinity", "8 themes") and not same_start("MoS + affinity", "sessions routed")
    assert not same_start("MoS + affinity", "MoS + affinity, random themes")
    assert not same_start("as published", "as published, learned on from co-occurrence")


def test_a_start_is_kept_and_found_again_as_it_was(study_data):
    made = start_of(OURS, study_data, 0)
    files = set((study_data.directory / "starts").iterdir())
    found = start_of(OURS, study_data, 0)
    assert set((study_data.directory / "starts").iterdir()) == files
    assert not any(".part" in file.name for file in files)
    for one, other in zip(made.get_weights(), found.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_start_of_other_code_is_not_taken(study_data, monkeypatch):
    start_of(OURS, study_data, 0)
    files = set((study_data.directory / "starts").glob("*.keras"))
    monkeypatch.setattr(start, "code", lambda: "another")
    start_of(OURS, study_data, 0)
    assert len(set((study_data.directory / "starts").glob("*.keras")) - files) == 1


def test_code_is_another_with_any_change_of_a_source_committed_or_not(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "_PACKAGE", tmp_path)
    (tmp_path / "layer.py").write_text("a = 1")
    told = {provenance.code.__wrapped__()}
    (tmp_path / "layer.py").write_text("a = 2")
    told.add(provenance.code.__wrapped__())
    (tmp_path / "layer.py").rename(tmp_path / "model.py")
    told.add(provenance.code.__wrapped__())
    assert len(told) == 3


def test_a_start_that_another_process_makes_is_waited_for(study_data):
    start_of(OURS, study_data, 3)
    path = max((study_data.directory / "starts").glob("*.keras"), key=lambda file: file.stat().st_mtime)
    found = Event()
    with locked(path):
        waiting = Thread(target=lambda: [start_of(OURS, study_data, 3), found.set()])
        waiting.start()
        assert not found.wait(timeout=2)
    waiting.join()
    assert found.is_set()


def test_a_ranker_knows_what_it_starts_from_whatever_its_encoder(study_data):
    ranker, _ = train(ROWS["affinity alone"], DIN, study_data, seed=0, trial=0)
    begun = start_of(ROWS["affinity alone"], study_data, 0)
    features, _ = next(iter(study_data.test.batches(8)))
    np.testing.assert_array_equal(ranker.numbers(features), begun.numbers(features))
    np.testing.assert_array_equal(ranker.theme_table()[8], begun.theme_table()[8])


@pytest.mark.slow
def test_a_training_is_the_same_whether_its_start_was_there_or_not(study_data):
    for file in (study_data.directory / "starts").glob("*"):
        file.unlink()

    def trained():
        keras.backend.clear_session()
        ranker, _ = train(OURS, DIN, study_data, seed=1, trial=0)
        return scores_of(score_of(ranker, study_data.test), study_data.test)[0]

    np.testing.assert_allclose(trained(), trained(), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("row", ["MoS + affinity, random themes", "MoS + affinity, true themes"])
def test_themes_that_are_given_stay_those_of_a_training(study_data, row):
    variant = ROWS[row]
    ranker, _ = train(variant, MeanPooling, study_data, seed=3, trial=0)
    expected = table_of(variant.grouping, study_data, "category", study_data.num_themes, seed=3)
    np.testing.assert_array_equal(np.stack(list(ranker.theme_table().values()), axis=1), expected)


def test_training_holds_the_tower_of_numbers_that_a_start_has_trained(study_data):
    ranker, _ = train(OURS, DIN, study_data, seed=0, trial=0)
    begun = start_of(OURS, study_data, 0)
    features, _ = next(iter(study_data.test.batches(8)))
    numbers = begun.numbers(features)
    np.testing.assert_array_equal(ranker.head.number_logits(numbers), begun.head.number_logits(numbers))
