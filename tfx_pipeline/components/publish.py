"""Publishes model versions so that whoever watches the directory never sees half of one."""

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mos_tf.errors import MosError
from tfx_pipeline.components.fingerprint import fingerprint


@dataclass(frozen=True)
class Publication:
    """Where a model is served from.

    Args:
        path: the version's directory.
        version: its number.
        new: False where the newest version already was this very model, so that nothing was copied.
    """

    path: Path
    version: int
    new: bool


def publish(model_dir: str | Path, base_directory: str | Path) -> Publication:
    """Makes `model_dir` the newest version under `base_directory`, in one step.

    The model is copied beside the base directory, flushed to disk and renamed into place: a rename on one file
    system happens or does not. What a killed call left behind is removed by the next one.

    Args:
        model_dir: a SavedModel.
        base_directory: what the server polls: one directory a version, named by a positive number. The new
            version is the time in seconds, or one more than the newest where that is later.

    Raises:
        MosError: a path is not on this machine's file system, there is no model, or the base directory is a
            mount point, which no rename can reach.

    Example:
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "export").mkdir()
    >>> _ = (root / "export" / "saved_model.pb").write_bytes(b"graph")
    >>> first, again = publish(root / "export", root / "serving"), publish(root / "export", root / "serving")
    >>> first.new, again.new, first.path == again.path
    (True, False, True)
    """
    model, base = _local(model_dir), _local(base_directory)
    if not (model / "saved_model.pb").is_file():
        raise MosError(f"a pushed model is a SavedModel directory. Received: no saved_model.pb in {model}")
    base.mkdir(parents=True, exist_ok=True)
    if base.stat().st_dev != base.parent.stat().st_dev:
        raise MosError(
            f"a version is renamed into place, so the push destination must not be a mount point. Received: {base}; "
            "name a directory below it"
        )
    incoming = _empty(base.parent / f".{base.name}.incoming")
    try:
        newest = max(_versions(base), default=0)
        if newest and fingerprint(base / str(newest)) == fingerprint(model):
            return Publication(path=base / str(newest), version=newest, new=False)
        version = max(int(time.time()), newest + 1)
        shutil.copytree(model, incoming / str(version))
        _flush(incoming)
        os.rename(incoming / str(version), base / str(version))
        _flush_one(base)
        return Publication(path=base / str(version), version=version, new=True)
    finally:
        shutil.rmtree(incoming)


def _local(path: str | Path) -> Path:
    if "://" in str(path):
        raise MosError(
            "models are pushed between directories of this machine. "
            f"Received: {path}; mount the bucket, or push to a local directory and sync it from there"
        )
    return Path(path).absolute()


def _empty(directory: Path) -> Path:
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir()
    return directory


def _versions(base: Path) -> Iterator[int]:
    return (int(path.name) for path in base.iterdir() if path.is_dir() and path.name.isdecimal())


def _flush(directory: Path) -> None:
    for path in (*directory.rglob("*"), directory):
        _flush_one(path)


def _flush_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
