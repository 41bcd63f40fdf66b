"""`manifest.json` of a data directory: where it came from and what it holds, so that nothing is fetched twice."""

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq

MANIFEST = "manifest.json"


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_manifest(directory: Path, source: str) -> None:
    """Records the source, and the hash and rows of every parquet file in the directory."""
    files = sorted(directory.glob("*.parquet"))
    manifest = {
        "source": source,
        "sha256": {file.name: file_sha256(file) for file in files},
        "rows": {file.name: pq.read_metadata(file).num_rows for file in files},
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def is_current(directory: Path, source: str) -> bool:
    """Returns whether the directory came from this source and its files are still what was written."""
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        return manifest["source"] == source and all(
            file_sha256(directory / name) == sha256 for name, sha256 in manifest["sha256"].items()
        )
    except (OSError, ValueError, KeyError):
        return False
