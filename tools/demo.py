"""The main job, whole, on real data: from logs to a ranked answer and a report. `make demo` runs it.

Every step is a `mos` command that is printed before it runs and works by itself as well. The first that fails ends the
demo with its exit code. All results lie under build/demo.
"""

import argparse
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOS = Path(sys.executable).with_name("mos")
DEMO = Path("build/demo")
CONFIG = "tfx_pipeline/configs/complete_journey.yaml"
HOUSEHOLD = "1228"


def main() -> None:
    """Runs the steps in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train-steps", type=int, help="train that many steps instead of the configured number")
    train_steps = parser.parse_args().train_steps
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped then, too
    started = time.monotonic()

    heading("Real logs: two thousand households, one year of purchases")
    mos("data", "fetch", "complete-journey", "--out", f"{DEMO}/data")
    mos("data", "describe", f"{DEMO}/data")
    heading("Requests, statistics, Transform, training, evaluation, serving check, push")
    override = [] if train_steps is None else ["--train-steps", str(train_steps)]
    mos("pipeline", "run", "--config", CONFIG, *override)
    heading(f"Ranked products for household {HOUSEHOLD}, asked over gRPC")
    with server(f"{DEMO}/serving") as address:
        answer = ["--json", f"{DEMO}/rankings.json"]
        mos("rank", "--user", HOUSEHOLD, "--top", "10", "--from", "promoted", "--server", address, *answer)
    heading("Report")
    mos("insight", "report", "--demo", f"{DEMO}")
    print(f"\nDone in {time.monotonic() - started:.0f} s. Look at {(DEMO / 'report.html').resolve()}")


def heading(title: str) -> None:
    """Separates one part of the demo from the next."""
    print(f"\n=== {title}", flush=True)


def mos(*arguments: str) -> None:
    """Shows and runs a `mos` command; ends the demo where it ends with an error."""
    print(f"$ {shlex.join(['mos', *arguments])}", flush=True)
    exit_code = subprocess.run([MOS, *arguments], check=False).returncode
    if exit_code != 0:
        sys.exit(exit_code)


@contextmanager
def server(directory: str) -> Iterator[str]:
    """Serves the newest version in `directory` on a free port; yields the address once it answers."""
    command = ["serve", "run", directory, "--port", "0"]
    print(f"$ {shlex.join(['mos', *command])} &", flush=True)
    with subprocess.Popen([MOS, *command], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield address_of(process)
        finally:
            process.terminate()


def address_of(process: "subprocess.Popen[str]") -> str:
    """Waits until the server says where it listens; ends the demo when it ends before."""
    for line in process.stdout or ():
        print(line, end="", flush=True)
        ready = re.match(r"ready: .* at ([^\s;]+)", line)
        if ready:
            return ready[1]
    sys.exit(process.wait() or 1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
