import json
import zipfile

import pytest

from mos_tf.errors import DataError
from mos_tf.study.archive import read_archive, take_cells, write_archive


@pytest.fixture
def study(tmp_path):
    directory = tmp_path / "here" / "0123456789ab"
    (directory / "cells").mkdir(parents=True)
    for seed in (1, 0):
        (directory / "cells" / f"SDIM~plain~{seed}~0.json").write_text(json.dumps({"seed": seed}) + "\n")
    (directory / "cells" / "SDIM~plain~2~0.part").write_text("{")
    return directory


def test_another_machine_goes_on_from_the_cells(study, tmp_path):
    there = tmp_path / "there" / study.name
    take_cells(write_archive(study, tmp_path / "study.zip"), there)
    assert {path.name: path.read_bytes() for path in (there / "cells").iterdir()} == {
        path.name: path.read_bytes() for path in (study / "cells").glob("*.json")
    }


def test_a_cell_that_is_there_is_not_replaced(study, tmp_path):
    archive = write_archive(study, tmp_path / "study.zip")
    own = study / "cells" / "SDIM~plain~0~0.json"
    own.write_text('{"seed": 0, "test": {}}')
    take_cells(archive, study)
    assert json.loads(own.read_text()) == {"seed": 0, "test": {}}


def test_the_same_cells_make_the_same_bytes(study, tmp_path):
    one, other = (write_archive(study, tmp_path / name).read_bytes() for name in ("one.zip", "other.zip"))
    assert one == other
    assert not list(tmp_path.glob("*.part"))


def test_cells_of_other_settings_are_refused(study, tmp_path):
    archive = write_archive(study, tmp_path / "study.zip")
    with pytest.raises(DataError, match=r"the same settings, ba9876543210. Received: .*study.zip of '0123456789ab'"):
        take_cells(archive, tmp_path / "ba9876543210")
    assert not (tmp_path / "ba9876543210").exists()


def test_a_path_out_of_the_study_is_no_cell(tmp_path):
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        archive.writestr("0123456789ab/../../out.json", "{}")
    with pytest.raises(DataError, match="the same settings"):
        read_archive(tmp_path / "study.zip", "0123456789ab")


@pytest.mark.parametrize("content", [None, b"no archive"])
def test_what_is_no_archive_is_told_in_one_line(tmp_path, content):
    if content:
        (tmp_path / "study.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"the .zip of a study. Received: .*study.zip") as told:
        read_archive(tmp_path / "study.zip", "0123456789ab")
    assert "\n" not in str(told.value)
