"""All cells of a study in one file: what another machine goes on from, and what committed intervals follow from."""

import json
import zipfile
from pathlib import Path

from mos_tf.errors import DataError
from mos_tf.study.cell import Result, write_result

_CELLS = "cells"


def write_archive(directory: Path, path: Path) -> Path:
    """Writes the cells of a study to a `.zip` and returns its path; the same cells make the same bytes.

    Args:
        directory: of the study, named by its fingerprint, with `cells`.
        path: written beside, then renamed.
    """
    beside = path.with_suffix(".part")
    with zipfile.ZipFile(beside, "w") as archive:
        for file in sorted((directory / _CELLS).glob("*.json")):
            told = zipfile.ZipInfo(f"{directory.name}/{file.name}")  # of no time, so that the bytes tell of cells alone
            archive.writestr(told, file.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)
    beside.rename(path)
    return path


def read_archive(path: Path, fingerprint: str) -> dict[str, Result]:
    """Returns the results that an archive holds, by the name of their file.

    Args:
        path: written by `write_archive`.
        fingerprint: of the study.

    Raises:
        DataError: no such archive, or one of a study with other settings.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            results = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"cells are read from the .zip of a study. Received: {path}: {error}") from error
    if strangers := {name.rpartition("/")[0] for name in results} - {fingerprint}:
        raise DataError(
            f"cells are those of a study of the same settings, {fingerprint}. Received: {path} of {min(strangers)!r}; "
            "give the cells of the same study and budget"
        )
    return {name.rpartition("/")[2]: result for name, result in results.items()}


def take_cells(path: Path, directory: Path) -> None:
    """Writes the results of an archive that a study does not have yet into its `cells`.

    Args:
        path: written by `write_archive`.
        directory: of the study, named by its fingerprint.

    Raises:
        DataError: see `read_archive`.
    """
    for name, result in read_archive(path, directory.name).items():
        if not (kept := directory / _CELLS / name).is_file():
            write_result(result, kept)
