"""`DeadLetters`: the file of bad rows, so that whoever owns the data can see and mend them."""

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class DeadLetters:
    """Writes bad rows as gzipped JSON lines and counts them by reason.

    Args:
        path: the file to write; the same letters make the same bytes.
    """

    def __init__(self, path: Path):
        self.counts: Counter[str] = Counter()
        self._file = gzip.GzipFile(path, "wb", mtime=0)

    def add(self, letters: Iterable[Mapping[str, Any]]) -> None:
        """Writes some letters, as `events.dead_letter` makes them."""
        for letter in letters:
            self.counts[letter["reason"]] += 1
            self._file.write(json.dumps(letter, ensure_ascii=False).encode() + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
