"""A directory's fingerprint: what two directories with the same files share."""

import hashlib
from pathlib import Path


def fingerprint(directory: str | Path) -> str:
    """Returns the SHA-256, in hex, of all files below a directory: their relative paths and contents."""
    digest = hashlib.sha256()
    for path in sorted(path for path in Path(directory).rglob("*") if path.is_file()):
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{path.relative_to(directory)}\0{content}\0".encode())
    return digest.hexdigest()
