"""Fingerprints of data and code: what the cache of a pipeline cannot see by itself."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tfx_pipeline.components.fingerprint import fingerprint

_ROOT = Path(__file__).parent.parent
_EVERYTHING = ("mos_tf", "serving", "tfx_pipeline")
_REQUESTS = (
    "mos_tf/datasets",
    "mos_tf/features.py",
    "mos_tf/request.py",
    "tfx_pipeline/beam",
    "tfx_pipeline/components",
)


class Fingerprints(NamedTuple):
    """What the outputs of a run depend on besides its configuration. Empty ones stand for "does not matter".

    Attributes:
        requests: of the data directory and of the code that makes requests of it.
        model: of all our code.
    """

    requests: str = ""
    model: str = ""

    @classmethod
    def of(cls, data_dir: Path) -> "Fingerprints":
        """Reads every file of the data directory and every Python file of the three packages."""
        return cls(
            requests=_digest([fingerprint(data_dir), *_sources(_REQUESTS)]), model=_digest(_sources(_EVERYTHING))
        )


def _sources(parts: Iterable[str]) -> list[str]:
    """Path and content of each Python file."""
    roots = [_ROOT / part for part in parts]
    files = {file for root in roots for file in ([root] if root.is_file() else root.rglob("*.py"))}
    return [f"{file.relative_to(_ROOT)} {file.read_text(encoding='utf-8')}" for file in sorted(files)]


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


UNKNOWN = Fingerprints()
