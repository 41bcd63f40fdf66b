"""How fast `mos data convert` builds requests, and how time and memory grow with the users.

    mos data fetch complete-journey
    python -m benchmarks.build_requests compare

Each run is a process of its own on a log that holds just its users, so peak memory and time are that run's alone; both
include loading the tables. Writes `benchmarks/results/build_requests.json`.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mos_tf.datasets.adapters.complete_journey import SPEC
from mos_tf.datasets.config import RequestConfig
from mos_tf.datasets.convert import convert
from mos_tf.datasets.events import rows_of, sampled_users
from mos_tf.features import USER_ID
from mos_tf.study.provenance import machine, versions

SPLITS = {
    "train_start": "2017-07-01",
    "train_end": "2017-11-01",
    "eval_end": "2017-11-20",
    "test_end": "2017-12-31",
}
CONFIG = RequestConfig(splits=SPLITS, max_history=512, negatives_per_positive=4)
USERS = (150, 600, 2400)

app = typer.Typer()


@app.command()
def compare(
    data: Annotated[Path, typer.Option(help="Data directory of the Complete Journey.")] = Path(
        "build/data/complete-journey"
    ),
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = Path("benchmarks/results/build_requests.json"),
    repeats: Annotated[int, typer.Option(help="Runs of each size.")] = 3,
) -> None:
    """Measures each number of users several times and writes medians and spread."""
    load = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as directory:
        logs = {users: write_log(data, Path(directory) / str(users), users) for users in USERS}
        order = [users for _ in range(repeats) for users in USERS]  # interleaved: slow minutes hit all sizes
        runs = [(users, run(logs[users])) for users in track(order, "converting")]
    sizes = {users: summary([measured for size, measured in runs if size == users]) for users in USERS}
    results = {
        "machine": {**machine(), "load_before": load},
        "versions": versions("numpy", "pandas", "pyarrow", "tensorflow"),
        "config": CONFIG.model_dump(mode="json"),
        "by_users": sizes,
        "times_for_4x_users": {
            f"{a} to {b}": {name: round(sizes[b][name] / sizes[a][name], 2) for name in ("seconds", "cpu_seconds")}
            for a, b in zip(USERS, USERS[1:], strict=False)
        },
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    table = Table("users", "requests", "seconds", "requests/s", "peak GB")
    for users, found in sizes.items():
        row = (found["requests"], found["seconds"], found["requests_per_second"], found["peak_gb"])
        table.add_row(str(users), *map(str, row))
    Console().print(table, f"4x the users took: {results['times_for_4x_users']}", f"written: {out}")


@app.command()
def measure(data: Path) -> None:
    """Converts once and prints seconds, requests and peak memory: the child process of `compare`."""
    with tempfile.TemporaryDirectory() as directory:
        start, cpu_start = time.perf_counter(), time.process_time()
        counts = convert(data, Path(directory) / "requests", SPEC, CONFIG)
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    requests = sum(count for name, count in counts.requests.items() if name.endswith("/requests"))
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    measured = {"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_gb": peak_gb}
    print(json.dumps({"rows": counts.rows, "requests": requests, **measured}))


def write_log(data: Path, directory: Path, users: int) -> Path:
    """Writes the part of the log that some users, drawn by hash, made; the tables are linked."""
    directory.mkdir()
    events = pq.read_table(data / "events.parquet")
    ids = events[USER_ID].unique().to_pylist()
    sample = sampled_users(ids, CONFIG.model_copy(update={"max_users": users}))
    pq.write_table(rows_of(events, sample), directory / "events.parquet")
    for name in ("items.parquet", "exposures.parquet"):
        (directory / name).symlink_to((data / name).resolve())
    return directory


def run(data: Path) -> dict[str, float]:
    """Measures in a fresh process."""
    child = [sys.executable, "-m", "benchmarks.build_requests", "measure", str(data)]
    result = subprocess.run(child, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def summary(runs: list[dict[str, float]]) -> dict[str, float]:
    """Medians of some runs of one size, and the fastest and slowest."""
    seconds = [measured["seconds"] for measured in runs]
    median = statistics.median(seconds)
    cpu_median = statistics.median(measured["cpu_seconds"] for measured in runs)
    return {
        "rows": runs[0]["rows"],
        "requests": runs[0]["requests"],
        "seconds": round(median, 2),
        "cpu_seconds": round(cpu_median, 2),
        "fastest": round(min(seconds), 2),
        "slowest": round(max(seconds), 2),
        "requests_per_second": round(runs[0]["requests"] / median),
        "requests_per_cpu_second": round(runs[0]["requests"] / cpu_median),
        "peak_gb": round(statistics.median(measured["peak_gb"] for measured in runs), 2),
    }


if __name__ == "__main__":
    app()
