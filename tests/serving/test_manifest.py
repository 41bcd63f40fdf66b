from pathlib import Path

import pytest

from mos_tf.errors import MosError
from serving.manifest import FILE, Manifest
from serving.versions import newest_version
from tests.support.small_log import SPEC, config


def test_a_manifest_reads_as_it_was_written(tmp_path: Path):
    manifest = Manifest(spec=SPEC, requests=config(max_history=7))
    manifest.save(str(tmp_path / "12"))
    assert Manifest.of_newest(tmp_path) == manifest


def test_the_newest_version_is_the_largest_number(tmp_path: Path):
    for name in ("9", "10", "11.partial", "latest"):
        (tmp_path / name).mkdir()
    (tmp_path / "99").write_text("no directory")
    assert newest_version(tmp_path) == tmp_path / "10"


def test_a_directory_without_versions_is_named(tmp_path: Path):
    for directory in (tmp_path, tmp_path / "absent"):
        with pytest.raises(MosError, match=f"Received: none in {directory}. Run the pipeline"):
            newest_version(directory)


def test_a_model_without_a_manifest_is_named(tmp_path: Path):
    (tmp_path / "1").mkdir()
    with pytest.raises(MosError, match=f"Received: {tmp_path / '1'} without it"):
        Manifest.of_newest(tmp_path)


def test_a_format_of_another_release_is_refused(tmp_path: Path):
    Manifest(spec=SPEC).save(str(tmp_path / "1"))
    path = tmp_path / "1" / FILE
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(MosError, match=r"spec.format_version: Input should be 1. Ask with the release"):
        Manifest.of_newest(tmp_path)
