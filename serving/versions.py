"""The directory that a server serves from: one SavedModel a version, named by a number."""

from pathlib import Path

from mos_tf.errors import MosError


def newest_version(directory: str | Path) -> Path:
    """Returns the version with the largest number, as TF Serving chooses it; other names are passed over.

    Raises:
        MosError: there is none.
    """
    base = Path(directory)
    found = [path for path in base.iterdir() if path.name.isdecimal() and path.is_dir()] if base.is_dir() else []
    if not found:
        raise MosError(
            f"a model directory holds one directory a version, named by a number. Received: none in {base}. "
            "Run the pipeline, or export_ranker to such a directory"
        )
    return max(found, key=lambda path: int(path.name))
