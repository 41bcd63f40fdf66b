import json
import zipfile
import zlib

import pytest

from mos_tf.errors import DataError
from mos_tf.study.archive import file_name_of, read_archive, take_cells, write_archive
from mos_tf.study.cell import Cell
from mos_tf.study.peer import Peer

CELL = {"encoder": "SDIM", "variant": "plain", "seed": 0, "trial": 0}


@pytest.fixture
def study(tmp_path):
    directory = tmp_path / "here" / "0123456789ab"
    (directory / "cells").mkdir(parents=True)
    for seed in (1, 0):
        (directory / "cells" / f"SDIM~plain~{seed}~0.json").write_text(json.dumps({**CELL, "seed": seed}) + "\n")
    (directory / "cells" / "timing~SDIM~0a1b2c3d.json").write_text('{"encoder": "SDIM", "rows": {}}\n')
    (directory / "cells" / "SDIM~plain~2~0.part").write_text("{")
    return directory


def archive_of(tmp_path, **members):
    """Returns an archive of a study with these members, by the name of their file without its suffix."""
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for name, content in members.items():
            archive.writestr(f"0123456789ab/{name}.json", content)
    return tmp_path / "study.zip"


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


def test_an_archive_that_is_damaged_anywhere_is_told_in_one_line(study, tmp_path):
    path = write_archive(study, tmp_path / "study.zip")
    whole, expected = path.read_bytes(), read_archive(path, study.name)
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + b"c" + whole[place + 1 :])  # as a method or version, 99, that nobody knows
        try:
            assert read_archive(path, study.name).items() <= expected.items()  # what is found is whole
        except DataError as error:
            assert "study.zip" in str(error) and "\n" not in str(error)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (zlib.error("Error -3: invalid\nblock type"), "Error -3: invalid block type"),
        (NotImplementedError("compression method"), "compression method"),
        (EOFError(), "EOFError"),
    ],
)
def test_damage_is_told_in_its_words_and_if_it_has_none_by_its_kind(study, tmp_path, monkeypatch, damage, told):
    def read(*_):
        raise damage

    path = write_archive(study, tmp_path / "study.zip")
    monkeypatch.setattr(zipfile.ZipFile, "read", read)
    with pytest.raises(DataError, match=f"Received: .*study.zip: {told}; give the file that `mos bench` wrote$"):
        read_archive(path, study.name)


def test_an_archive_without_cells_is_no_study_to_go_on_from(tmp_path):
    with pytest.raises(DataError, match=r"at least one cell. Received: .*study.zip with 0; give the file"):
        read_archive(archive_of(tmp_path), "0123456789ab")


@pytest.mark.parametrize(
    "content",
    [
        [],
        "SDIM",
        None,
        {},
        {**CELL, "seed": 1},
        {**CELL, "trial": 1},
        {**CELL, "encoder": "TWIN"},
        {**CELL, "encoder": ""},
        {**CELL, "variant": "plain + affinity"},
        {**CELL, "encoder": ["SDIM"]},
        {**CELL, "seed": None},
        {name: CELL[name] for name in ("encoder", "variant", "seed")},
    ],
)
def test_a_member_that_is_not_the_cell_of_its_name_is_refused(tmp_path, content):
    path = archive_of(tmp_path, **{"SDIM~plain~0~0": json.dumps(content)})
    with pytest.raises(DataError, match=r"named by its row, seed and trial. Received: .*SDIM~plain~0~0.json") as told:
        read_archive(path, "0123456789ab")
    assert "\n" not in str(told.value)


def test_a_result_has_the_name_of_the_cell_or_peer_that_it_is_of():
    cell = Cell(encoder="DIN", variant="MoS + affinity, random themes", seed=2, trial=1)
    assert file_name_of({**cell.model_dump(), "test": {"auc": 0.7}}) == cell.file_name
    peer = Peer(name="popularity", seed=1)
    assert file_name_of({"encoder": "", "variant": "popularity", "seed": 1, "trial": 0}) == peer.file_name
