import pytest

from elf import SharedObject, UnexpectedObjectError, elf_hash, rename_imports
from tests.support.elf_image import elf_image

SYMBOLS = {"__isoc23_strtol": "strtol"}
VERSIONS = {"GLIBC_2.38": "GLIBC_2.2.5"}
LIBC = {"libc.so.6": ["GLIBC_2.2.5", "GLIBC_2.38"]}


def test_imports_are_what_others_must_provide():
    image = elf_image(LIBC, [("malloc", "GLIBC_2.2.5"), ("PyInit", "")], defined=("our_own",))
    assert SharedObject(image).imports() == {("malloc", "GLIBC_2.2.5"), ("PyInit", "")}


def test_only_the_new_symbol_and_its_version_are_renamed():
    needs = {"libm.so.6": ["GLIBC_2.29"], **LIBC}
    image = elf_image(needs, [("exp", "GLIBC_2.29"), ("__isoc23_strtol", "GLIBC_2.38"), ("malloc", "GLIBC_2.2.5")])
    repaired = rename_imports(image, SYMBOLS, VERSIONS)
    assert len(repaired) == len(image)
    assert SharedObject(repaired).imports() == {
        ("exp", "GLIBC_2.29"),
        ("strtol", "GLIBC_2.2.5"),
        ("malloc", "GLIBC_2.2.5"),
    }
    assert {need.name for need in SharedObject(repaired).needs()} == {"GLIBC_2.29", "GLIBC_2.2.5"}


def test_the_loader_finds_the_hash_of_the_new_version():
    repaired = rename_imports(elf_image(LIBC, [("__isoc23_strtol", "GLIBC_2.38")]), SYMBOLS, VERSIONS)
    hashes = [int.from_bytes(repaired[need.offset :][:4], "little") for need in SharedObject(repaired).needs()]
    assert hashes == [0x09691A75, 0x09691A75]  # what readelf prints for GLIBC_2.2.5


def test_an_image_without_new_versions_stays_as_it_is():
    image = elf_image({"libc.so.6": ["GLIBC_2.2.5"]}, [("malloc", "GLIBC_2.2.5")])
    assert rename_imports(image, SYMBOLS, VERSIONS) == image


def test_a_new_symbol_without_known_equivalent_is_refused():
    image = elf_image(LIBC, [("brand_new", "GLIBC_2.38")])
    with pytest.raises(UnexpectedObjectError, match="brand_new"):
        rename_imports(image, SYMBOLS, VERSIONS)


def test_a_name_that_another_symbol_ends_in_is_refused():
    image = elf_image(LIBC, [("__isoc23_strtol", "GLIBC_2.38")], tails=("strtol",))
    with pytest.raises(UnexpectedObjectError, match="shared"):
        rename_imports(image, SYMBOLS, VERSIONS)


def test_an_older_version_that_the_library_is_not_asked_for_is_refused():
    image = elf_image({"libc.so.6": ["GLIBC_2.38"], "libm.so.6": ["GLIBC_2.2.5"]}, [("__isoc23_strtol", "GLIBC_2.38")])
    with pytest.raises(UnexpectedObjectError, match=r"asks libc\.so\.6 for GLIBC_2\.38 but not for GLIBC_2\.2\.5"):
        rename_imports(image, SYMBOLS, VERSIONS)


def test_a_longer_name_is_refused():
    image = elf_image(LIBC, [("__isoc23_strtol", "GLIBC_2.38")])
    with pytest.raises(UnexpectedObjectError, match="longer"):
        rename_imports(image, {"__isoc23_strtol": "a_name_that_does_not_fit"}, VERSIONS)


@pytest.mark.parametrize("image", [b"#!/bin/sh\n", b"\x7fELF\x01\x01" + b"\0" * 64])
def test_anything_but_a_64_bit_little_endian_image_is_refused(image):
    with pytest.raises(UnexpectedObjectError, match="64-bit"):
        SharedObject(image)


@pytest.mark.parametrize(
    ("name", "value"), [("GLIBC_2.2.5", 0x09691A75), ("GLIBCXX_3.4", 0x08922974), ("CXXABI_1.3", 0x056BAFD3)]
)
def test_hash_is_the_one_readelf_prints(name, value):
    assert elf_hash(name) == value
