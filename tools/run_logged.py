"""Runs an installer with its output in a log; what a person should see of it is little."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

WORTH_SHOWING = re.compile(r"(Downloading|Prepared|Installed) ")
NO_NETWORK = re.compile(
    r"NewConnectionError|ConnectTimeout|ProxyError|Max retries exceeded|name resolution|dns error|tcp connect error"
    r"|Connection refused|Network is unreachable|error sending request|operation timed out|from versions: none",
    re.IGNORECASE,
)
DISK_FULL = re.compile(r"No space left on device|os error 28")


class CommandError(Exception):
    """A command ended with an error; the message is one line that says what to do."""


def run_logged(command: Sequence[str | Path], log: Path) -> None:
    """Runs the command, appends its output to the log and prints the lines that show progress.

    Raises:
        CommandError: the command did not end with 0.
    """
    lines = []
    with (
        log.open("a") as file,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        for line in process.stdout or ():
            file.write(line)
            lines.append(line)
            if WORTH_SHOWING.match(line):
                print(f"  {line.rstrip()}", flush=True)
    if process.returncode != 0:
        raise CommandError(explain("".join(lines), log))


def explain(output: str, log: Path) -> str:
    """Returns one line on why an installer that wrote this failed."""
    if DISK_FULL.search(output):
        return "the disk is full. Free some of it, then run make again."
    if NO_NETWORK.search(output):
        return (
            "the package index cannot be reached. Connect to the network, or name a mirror in PIP_INDEX_URL and "
            "UV_DEFAULT_INDEX, then run make again."
        )
    return f"a step failed; its output is in {log}. Mend what it says, then run make again."
