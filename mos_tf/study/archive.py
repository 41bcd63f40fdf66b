"""All cells of a study in one file: what another machine goes on from, and what committed intervals follow from."""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mos_tf.errors import DataError
from mos_tf.study.cell import Cell, Result, write_result
from mos_tf.study.peer import Peer

_CELLS = "cells"
_ADVICE = "give the file that `mos bench` wrote"


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
        DataError: no such archive, a damaged or an empty one, one of a study with other settings, or a member that is
            not the result of its name.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            results = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    except Exception as error:  # a damaged archive raises of a dozen kinds, not all of them those of zipfile
        told = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"cells are read from the .zip of a study. Received: {path}: {told}; {_ADVICE}") from error
    if not results:
        raise DataError(f"the .zip of a study has at least one cell. Received: {path} with 0; {_ADVICE}")
    if strangers := {name.rpartition("/")[0] for name in results} - {fingerprint}:
        raise DataError(
            f"cells are those of a study of the same settings, {fingerprint}. Received: {path} of {min(strangers)!r}; "
            "give the cells of the same study and budget"
        )
    named = {name.rpartition("/")[2]: result for name, result in results.items()}
    if wrong := next((name for name, result in named.items() if not _is_result(result, name)), None):
        raise DataError(f"a cell's file is named by its row, seed and trial. Received: {path}: {wrong}; {_ADVICE}")
    return named


def file_name_of(result: Mapping[str, Any]) -> str:
    """Returns the name of the file where the result of a cell or of a peer lies.

    Raises:
        LookupError, ValueError: it tells neither.
    """
    run = {name: result[name] for name in ("seed", "trial")}
    if not result["encoder"]:
        return Peer(name=result["variant"], **run).file_name
    return Cell(encoder=result["encoder"], variant=result["variant"], **run).file_name


def _is_result(content: Any, name: str) -> bool:
    """Whether the content of a file is a timing, or the result of the cell or peer that the file is named by."""
    if not isinstance(content, dict):
        return False
    try:
        return "rows" in content or file_name_of(content) == name
    except (LookupError, ValueError):
        return False


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
