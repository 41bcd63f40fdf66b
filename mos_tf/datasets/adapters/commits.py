"""Commits of a git repository: its developers are users and the files that they change items, so anyone has such a log.

Work hops as reading or shopping does: a developer stays with one part of the code for an hour, goes on to another, and
comes back to the first weeks later.
"""

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pyarrow as pa

from mos_tf.datasets.adapters.published import Published, Statistics, TimeQuantiles
from mos_tf.datasets.adapters.source import Adapter, Source
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID, TIMESTAMP, USER_ID
from mos_tf.privacy import hash_user

MOST_FILES = 30  # a commit of more is a sweep, as a new licence line, and says nothing of what one works on
FEWEST_EVENTS = 20  # of a developer, as the fewest ratings of a MovieLens user
_COMMIT = "\0\0"  # ends what came before and begins a commit; no name of a file is empty or holds a NUL


def read(repository: Path) -> Source:
    """Reads who changed which file when, merges left out; files have `category`, their directory, and `part_category`.

    Developers are pseudonyms of their e-mail addresses, which stay out of the log.

    Raises:
        DataError: no git, or no repository.
    """
    events = [event for commit in _commits(repository) for event in commit]
    active = Counter(developer for developer, _, _ in events)
    kept = [event for event in events if active[event[0]] >= FEWEST_EVENTS]
    rows = {name: [event[column] for event in kept] for column, name in enumerate((USER_ID, ITEM_ID, TIMESTAMP))}
    table = pa.table({name: pa.array(values, pa.string()) for name, values in rows.items()})
    return Source(rows=[table], items=[_items(sorted({path for _, path, _ in kept}))], size=table.nbytes)


def _commits(repository: Path) -> Iterator[list[tuple[str, str, str]]]:
    """Yields developer, file and time of the files of each commit that is no sweep."""
    for commit in f"\0{_log(repository)}".split(_COMMIT)[1:]:
        author, _, changed = commit.partition("\0\n")
        address, _, time = author.rpartition("|")
        files = [path for path in changed.split("\0") if path]
        if len(files) <= MOST_FILES:
            developer = hash_user(address.lower())
            yield [(developer, path, time) for path in files]


def _log(repository: Path) -> str:
    # Without renames, which git would tell from what is in the files; -z, or it quotes names that are not plain.
    history = ["log", "-z", "--no-merges", "--no-renames", "--name-only", "--format=%x00%ae|%at"]
    git = ["git", "-C", str(repository), *history]
    try:
        told = subprocess.run(git, capture_output=True, check=True)  # noqa: S603
    except FileNotFoundError as error:
        raise DataError("commits are read by git. Received: no git on this machine; install it") from error
    except subprocess.CalledProcessError as error:
        raise DataError(
            f"commits are those of a git repository. Received: {repository}, of which git says: "
            f"{' '.join(error.stderr.decode(errors='replace').split())}; clone one with its history"
        ) from error
    return told.stdout.decode(errors="backslashreplace")  # names that are no text stay apart


def _items(paths: list[str]) -> pa.Table:
    files = [PurePosixPath(path) for path in paths]
    return pa.table(
        {
            ITEM_ID: pa.array(paths, pa.string()),
            "name": pa.array(paths, pa.string()),
            "category": pa.array([str(file.parent) for file in files], pa.string()),
            "part_category": pa.array([file.parts[0] if len(file.parts) > 1 else "." for file in files], pa.string()),
        }
    )


ADAPTERS = {
    "commits": Adapter(
        Published(Statistics(), TimeQuantiles(), "nothing is published; split: by time, the last tenths eval and test"),
        read,
    )
}
