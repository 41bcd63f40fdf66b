import pytest

from mos_tf.errors import DataError
from mos_tf.study.config import StudyConfig, named, named_studies
from mos_tf.study.tables import OURS


@pytest.mark.parametrize("name", named_studies())
def test_a_named_study_has_its_file_s_name(name):
    assert named(name).name == name


@pytest.mark.parametrize("name", named_studies())
def test_a_study_read_back_is_the_same_so_that_data_that_is_made_is_found(name):
    config = named(name)
    assert StudyConfig.model_validate_json(config.model_dump_json()).fingerprint == config.fingerprint


def test_an_unknown_study_is_named_beside_the_known_ones():
    with pytest.raises(DataError, match=r"\['complete-journey-exposed', .*Received: 'netflix'"):
        named("netflix")


@pytest.mark.parametrize(
    ("text", "problem"),
    [("name: a", "source: Field required"), ("a: [", "is not YAML"), (None, "cannot be read")],
)
def test_a_broken_study_file_is_told_in_one_line(tmp_path, text, problem):
    path = tmp_path / "study.yaml"
    if text:
        path.write_text(text)
    with pytest.raises(DataError, match=problem) as told:
        StudyConfig.load(path)
    assert "\n" not in str(told.value)


def test_every_study_has_the_plain_row_that_its_picture_shows_gains_over():
    for study in map(named, named_studies()):
        assert any(row in study.rows and ours in study.rows for row, ours in OURS.items()), study.name
