import pytest

from tfx_pipeline import fingerprints
from tfx_pipeline.fingerprints import Fingerprints


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A repository of one file a package, and a data directory."""
    for file in (
        "mos_tf/datasets/a.py",
        "mos_tf/layers/b.py",
        "mos_tf/features.py",
        "mos_tf/request.py",
        "serving/c.py",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("pass")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "events.parquet").write_bytes(b"events")
    monkeypatch.setattr(fingerprints, "_ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "requests", "model"),
    [
        ("data/events.parquet", True, False),
        ("mos_tf/datasets/a.py", True, True),
        ("mos_tf/layers/b.py", False, True),
        ("serving/c.py", False, True),
        ("README.md", False, False),
    ],
)
def test_a_change_shows_in_what_depends_on_it(tree, file, requests, model):
    before = Fingerprints.of(tree / "data")
    (tree / file).write_text("changed")
    after = Fingerprints.of(tree / "data")

    assert (after.requests != before.requests, after.model != before.model) == (requests, model)


def test_the_same_files_elsewhere_have_the_same_fingerprint(tree):
    (tree / "copy").mkdir()
    (tree / "copy" / "events.parquet").write_bytes(b"events")

    assert Fingerprints.of(tree / "copy") == Fingerprints.of(tree / "data")
