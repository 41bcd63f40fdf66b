"""Processes of their own: what one measures, no other has warmed or filled."""

import json
import os
import subprocess
import sys
from typing import Any

from benchmarks.layers.sizes import QUICK, Sizes


class CaseError(RuntimeError):
    """A case that broke, which is no finding."""


def in_own_process(arguments: list[str], sizes: Sizes, **environment: str) -> Any:
    """Runs `python -m benchmarks.layers …` and returns what its last line says.

    Args:
        arguments: of the command line.
        sizes: full or quick.
        **environment: variables that the process sees besides.

    Raises:
        CaseError: the process failed.
    """
    quick = ["--quick"] if sizes is QUICK else []
    command = [sys.executable, "-m", "benchmarks.layers", *arguments, *quick]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    done = subprocess.run(command, capture_output=True, text=True, env=quiet)
    if done.returncode:
        raise CaseError(f"{' '.join(arguments)} failed: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
