import sys

import pytest

from run_logged import CommandError, explain, run_logged

PIP_OFFLINE = (
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('<HTTPSConnection>: Failed to "
    "establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/uv/\n"
    "ERROR: No matching distribution found for uv==0.13.9\n"
)
UV_OFFLINE = (
    "error: Request failed after 3 retries in 8.3s\n  cause: client error (Connect)\n  cause: dns error\n"
    "  cause: failed to lookup address information: Temporary failure in name resolution\n"
)


def test_output_goes_to_the_log_and_progress_to_the_screen(tmp_path, capfd):
    log = tmp_path / "setup.log"
    run_logged([sys.executable, "-c", "print('Downloading numpy (15.9MiB)'); print(' + numpy==2.4.6')"], log)
    assert log.read_text() == "Downloading numpy (15.9MiB)\n + numpy==2.4.6\n"
    assert capfd.readouterr().out == "  Downloading numpy (15.9MiB)\n"


def test_a_failing_command_raises_with_the_place_of_its_output(tmp_path):
    log = tmp_path / "setup.log"
    with pytest.raises(CommandError, match=f"its output is in {log}"):
        run_logged([sys.executable, "-c", "import sys; sys.exit('broken')"], log)
    assert log.read_text() == "broken\n"


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (PIP_OFFLINE, "the package index cannot be reached"),
        (UV_OFFLINE, "the package index cannot be reached"),
        ("error: Failed to write file: No space left on device (os error 28)\n", "the disk is full"),
        ("error: hash mismatch for numpy==2.4.6\n", "a step failed"),
    ],
)
def test_the_cause_is_told_in_one_line(tmp_path, output, line):
    explained = explain(output, tmp_path / "setup.log")
    assert explained.startswith(line)
    assert "\n" not in explained
