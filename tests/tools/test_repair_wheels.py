import base64
import csv
import hashlib
import io
import zipfile

import pytest

import repair_wheels
from elf import SharedObject
from repair_wheels import UnknownWheelError, repair_wheel, rewrite, sha256
from tests.support.elf_image import elf_image

NAME = "demo-1.0-cp311-cp311-manylinux_2_39_x86_64.whl"
REPAIRED_NAME = "demo-1.0-cp311-cp311-manylinux_2_34_x86_64.whl"
RECORD = "demo-1.0.dist-info/RECORD"


@pytest.fixture
def wheel(tmp_path):
    """A wheel with one shared object that asks for glibc 2.38."""
    image = elf_image({"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.38"]}, [("__isoc23_strtoull", "GLIBC_2.38")])
    path = tmp_path / NAME
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demo/__init__.py", "answer = 42\n")
        archive.writestr("demo/native.so", image)
        archive.writestr("demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_39_x86_64\n")
        archive.writestr("demo-1.0.dist-info/RECORD", "demo/__init__.py,sha256=stale,12\n")
    return path


def test_the_copy_imports_only_what_old_systems_have(wheel, tmp_path):
    rewrite(wheel, tmp_path / REPAIRED_NAME)
    with zipfile.ZipFile(tmp_path / REPAIRED_NAME) as archive:
        assert SharedObject(archive.read("demo/native.so")).imports() == {("strtoull", "GLIBC_2.2.5")}
        assert archive.read("demo/__init__.py") == b"answer = 42\n"
        assert archive.read("demo-1.0.dist-info/WHEEL").endswith(b"Tag: cp311-cp311-manylinux_2_34_x86_64\n")


def test_record_lists_every_file_with_its_hash_and_size(wheel, tmp_path):
    rewrite(wheel, tmp_path / REPAIRED_NAME)
    with zipfile.ZipFile(tmp_path / REPAIRED_NAME) as archive:
        rows = {name: (digest, size) for name, digest, size in csv.reader(io.StringIO(archive.read(RECORD).decode()))}
        assert rows.pop(RECORD) == ("", "")
        assert {*rows, RECORD} == set(archive.namelist())
        for name, (digest, size) in rows.items():
            content = archive.read(name)
            expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            assert (digest, int(size)) == (f"sha256={expected}", len(content))


def test_the_same_wheel_gives_the_same_bytes(wheel, tmp_path):
    rewrite(wheel, tmp_path / "once.whl")
    rewrite(wheel, tmp_path / "again.whl")
    assert (tmp_path / "once.whl").read_bytes() == (tmp_path / "again.whl").read_bytes()


def test_a_known_wheel_is_repaired(wheel, tmp_path, monkeypatch):
    rewrite(wheel, tmp_path / "expected.whl")
    monkeypatch.setattr(repair_wheels, "KNOWN", {NAME: (sha256(wheel), sha256(tmp_path / "expected.whl"))})
    assert repair_wheel(wheel, tmp_path) == tmp_path / REPAIRED_NAME
    assert (tmp_path / REPAIRED_NAME).exists()


def test_a_wheel_with_another_hash_is_refused(wheel, tmp_path, monkeypatch):
    monkeypatch.setattr(repair_wheels, "KNOWN", {NAME: ("0" * 64, "0" * 64)})
    with pytest.raises(UnknownWheelError, match=f"refusing to alter {NAME}"):
        repair_wheel(wheel, tmp_path)
    assert list(tmp_path.iterdir()) == [wheel]


def test_a_wheel_nobody_knows_is_refused(wheel, tmp_path):
    with pytest.raises(UnknownWheelError, match="refusing to alter"):
        repair_wheel(wheel, tmp_path)


def test_a_result_with_another_hash_is_not_left_behind(wheel, tmp_path, monkeypatch):
    monkeypatch.setattr(repair_wheels, "KNOWN", {NAME: (sha256(wheel), "0" * 64)})
    with pytest.raises(UnknownWheelError, match="not the known one"):
        repair_wheel(wheel, tmp_path)
    assert list(tmp_path.iterdir()) == [wheel]
