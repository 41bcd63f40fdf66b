"""Makes two wheels load where glibc is older than 2.39.

ml-metadata and tensorflow-data-validation 1.21.0 are published for glibc 2.39 only, though all that is new to older
systems are six imported symbols. Each has an older equivalent with a shorter name, so the names are overwritten in
place. Only the wheels known by hash are touched, and what comes out is known by hash as well.

Usage: python tools/repair_wheels.py DIRECTORY WHEEL...
"""

import base64
import hashlib
import sys
import zipfile
from pathlib import Path

from elf import rename_imports

# sha256 of the wheel as published, and as repaired.
KNOWN = {
    "ml_metadata-1.21.0-cp311-cp311-manylinux_2_39_x86_64.whl": (
        "ad35b9462ce1971d3ca1bc672c36abf2494a738410fa3ac3519131274ea5ae9b",
        "0199dd4f204ad9077141a483879a9d7b678b15216242b5683435e1e75afa9501",
    ),
    "ml_metadata-1.21.0-cp312-cp312-manylinux_2_39_x86_64.whl": (
        "e2b691386fe3419c250c48dbba3f8b29649ae00dc1ba448307aa0929fb815140",
        "9ac56576f83a727903a205a8902e40847f26356b7a0817417b0e5fa1c74705d7",
    ),
    "tensorflow_data_validation-1.21.0-cp311-cp311-manylinux_2_39_x86_64.whl": (
        "6c148be69ae20c02f58b696efb343c4bb3e923184963f8b793afd0066c8ced9f",
        "5c3e456107324065cddef78ed0f01039d9884a08032264cc5955336570ab5843",
    ),
    "tensorflow_data_validation-1.21.0-cp312-cp312-manylinux_2_39_x86_64.whl": (
        "e9bfef0ee8540458e35d9f6e69db2674afc20629ee872d2800ae93eddb8a3127",
        "5fb7d2d548a2d5b8e489a7f0704242801b123f48119a437cc4a296ece32a562c",
    ),
}

SYMBOLS = {
    "__isoc23_strtol": "strtol",
    "__isoc23_strtoul": "strtoul",
    "__isoc23_strtoll": "strtoll",
    "__isoc23_strtoull": "strtoull",
    "__cxa_call_terminate": "_ZSt9terminatev",
    "_ZSt21ios_base_library_initv": "_ZNSt8ios_base4InitC1Ev",
}
VERSIONS = {"GLIBC_2.38": "GLIBC_2.2.5", "GLIBCXX_3.4.32": "GLIBCXX_3.4", "CXXABI_1.3.15": "GLIBCXX_3.4"}

PUBLISHED_FOR = "manylinux_2_39_x86_64"
REPAIRED_FOR = "manylinux_2_34_x86_64"  # the newest that the other imports ask for


class UnknownWheelError(ValueError):
    """A wheel, or what became of it, is not one of those whose hash is known."""


def repair_wheel(wheel: Path, directory: Path) -> Path:
    """Writes the repaired copy of a known wheel into `directory` and returns its path.

    Raises:
        UnknownWheelError: the wheel's hash, or the result's, is not in `KNOWN`; nothing is left behind.
    """
    published, repaired = KNOWN.get(wheel.name, ("", ""))
    if sha256(wheel) != published:
        raise UnknownWheelError(f"refusing to alter {wheel.name}: sha256 {sha256(wheel)} is not the published one")
    result = directory / wheel.name.replace(PUBLISHED_FOR, REPAIRED_FOR)
    rewrite(wheel, result)
    if sha256(result) != repaired:
        received = sha256(result)
        result.unlink()
        raise UnknownWheelError(f"the repair of {wheel.name} gave sha256 {received}, which is not the known one")
    return result


def rewrite(wheel: Path, result: Path) -> None:
    """Copies a wheel with its shared objects renamed and its tag and RECORD adjusted.

    Members are stored, not compressed: the same bytes come out whichever zlib Python was built with.
    """
    lines = []
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as target:
        *members, record = source.infolist()
        for member in members:
            content = source.read(member)
            if member.filename.endswith(".so"):
                content = rename_imports(content, SYMBOLS, VERSIONS)
            elif member.filename.endswith(".dist-info/WHEEL"):
                content = content.replace(PUBLISHED_FOR.encode(), REPAIRED_FOR.encode())
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            lines.append(f"{member.filename},sha256={digest},{len(content)}\n")
            target.writestr(stored(member), content)
        lines.append(f"{record.filename},,\n")
        target.writestr(stored(record), "".join(lines))


def stored(member: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """Returns the header of a member that keeps its name, time and permissions and nothing else."""
    header = zipfile.ZipInfo(member.filename, member.date_time)
    header.external_attr = member.external_attr
    header.create_system = 3
    return header


def sha256(file: Path) -> str:
    """Returns the hash of a file's content in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main(arguments: list[str]) -> None:
    """Repairs the named wheels into a directory and prints where they are."""
    directory, *wheels = map(Path, arguments)
    directory.mkdir(parents=True, exist_ok=True)
    for wheel in wheels:
        print(repair_wheel(wheel, directory))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ValueError) as error:
        sys.exit(f"repair_wheels: {error}")
