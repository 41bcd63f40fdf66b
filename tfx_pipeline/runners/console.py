"""A quiet terminal: what libraries print goes to a log file, what this project says is shown."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.markup import escape

_OURS = ("mos_tf", "serving", "tfx_pipeline")
_WIDTH_OF_FILES = 110


@contextmanager
def quiet(log_file: Path) -> Iterator[Console]:
    """Sends stdout, stderr and all log records to a file; yields a console on the terminal.

    Records of our own packages are shown as well. The redirection is of file descriptors, as TensorFlow's native code
    writes to them directly.

    Args:
        log_file: written anew.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with (
        open(os.dup(1), "w", encoding="utf-8") as terminal,
        log_file.open("w", buffering=1, encoding="utf-8") as log,
        _descriptors_to(log.fileno()),
        redirect_stdout(log),
        redirect_stderr(log),
    ):
        width = None if terminal.isatty() else _WIDTH_OF_FILES
        console = Console(file=terminal, highlight=False, soft_wrap=True, width=width)
        with _records_to(log, console):
            yield console


@contextmanager
def _descriptors_to(target: int) -> Iterator[None]:
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    os.dup2(target, 1)
    os.dup2(target, 2)
    try:
        yield
    finally:
        for descriptor, original in enumerate(saved, start=1):
            os.dup2(original, descriptor)
            os.close(original)


@contextmanager
def _records_to(log: TextIO, console: Console) -> Iterator[None]:
    to_file = logging.StreamHandler(log)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root, handlers = logging.getLogger(), (to_file, _Shown(console))
    level = root.level
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    for handler in handlers:
        root.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            root.removeHandler(handler)
        logging.captureWarnings(False)
        root.setLevel(level)


class _Shown(logging.Handler):
    """Shows what our packages report."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in _OURS:
            self._console.print(f"        {escape(record.getMessage())}", style="dim")
