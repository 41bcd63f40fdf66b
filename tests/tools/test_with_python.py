import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "with_python.sh"


@pytest.fixture
def run(tmp_path):
    """Returns a function that runs the script where only `commands`, name to shell code, can be found."""

    def run(commands, **environment):
        for name, code in commands.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"#!/bin/sh\n{code}\n")
            (tmp_path / name).chmod(0o755)
        return subprocess.run(
            ["/bin/sh", SCRIPT, "-c", "print('started')"],
            cwd=tmp_path,
            env={"PATH": str(tmp_path), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


WORKING = f'exec "{sys.executable}" "$@"'
BROKEN_SHIM = 'echo "version manager: no such version" >&2; exit 127'
OTHER_VERSION = "exit 1"  # what the version check answers


def test_a_shim_that_does_not_start_is_passed_over(run):
    result = run({"python3.11": BROKEN_SHIM, "python3.12": WORKING})
    assert (result.returncode, result.stdout, result.stderr) == (0, "started\n", "")


def test_a_plain_python_of_the_right_version_will_do(run):
    assert run({"python3": OTHER_VERSION, "python": WORKING}).stdout == "started\n"


def test_without_any_python_one_line_says_what_to_do(run):
    result = run({"python3.11": BROKEN_SHIM, "python3": OTHER_VERSION})
    assert result.returncode == 1
    assert result.stderr == (
        "setup: no Python 3.11 or 3.12 found; install one, or name it: make setup PYTHON=/path/to/python3.11\n"
    )


def test_a_named_python_is_the_only_one_tried(run):
    result = run({"python3.11": WORKING, "mine": OTHER_VERSION}, PYTHON="mine")
    assert result.returncode == 1
    assert result.stderr.startswith("setup: PYTHON=mine is not a working Python 3.11 or 3.12")


def test_an_environment_keeps_its_interpreter(run):
    result = run({"python3.11": BROKEN_SHIM, "python3.12": "exit 0", ".venv/bin/python": WORKING})
    assert result.stdout == "started\n"
