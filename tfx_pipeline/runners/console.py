"""A quiet terminal: what libraries print goes to a log file, what this project says is shown."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with open(os.dup(1), "w", encoding="utf-8") as terminal, log_file.open("w", encoding="utf-8") as log:
        width = None if terminal.isatty() else _WIDTH_OF_FILES
        console = Console(file=terminal, highlight=False, soft_wrap=True, width=width)
        handlers = _log_to(console)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        try:
            yield console
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in enumerate(saved, start=1):
                os.dup2(original, descriptor)
                os.close(original)
            for handler in handlers:
                logging.getLogger().removeHandler(handler)


def _log_to(console: Console) -> list[logging.Handler]:
    to_file = logging.StreamHandler(sys.stderr)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handlers = [to_file, _Shown(console)]
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in handlers:
        root.addHandler(handler)
    logging.captureWarnings(True)
    return handlers


class _Shown(logging.Handler):
    """Shows what our packages report."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in _OURS:
            self._console.print(f"        {escape(record.getMessage())}", style="dim")
