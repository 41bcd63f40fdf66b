"""Time of steps that take turns, and the memory of one."""

import gc
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.layers.results import Spread
from benchmarks.layers.sizes import Sizes

Step = Callable[[], Any]
Times = dict[str, list[float]]

_MOST_STEPS = 100  # of one side in one round


def alternate(sides: Mapping[str, Step], sizes: Sizes) -> Times:
    """Returns milliseconds a step of each side, one number a round; sides take turns, so slow minutes hit all."""
    steps = {}
    for name, step in sides.items():
        step()  # traces
        step()
        once = max(_seconds(step, 1), 1e-6)
        steps[name] = min(max(1, math.ceil(sizes.least_seconds / once)), _MOST_STEPS)
    times: Times = {name: [] for name in sides}
    for _ in range(sizes.repeats):
        for name, step in sides.items():
            times[name].append(1e3 * _seconds(step, steps[name]) / steps[name])
    return times


def ratio(times: Times, over: str, under: str) -> Spread:
    """Returns how many times longer `over` took than `under`, within each round."""
    return Spread.of([a / b for a, b in zip(times[over], times[under], strict=True)])


def milliseconds(times: Times) -> dict[str, Spread]:
    """Names each side's times by their unit."""
    return {f"{name}, ms": Spread.of(found) for name, found in times.items()}


def _seconds(step: Step, number: int) -> float:
    start = time.perf_counter()
    for _ in range(number):
        step()
    return time.perf_counter() - start


def peak_megabytes(step: Step, repeats: int) -> list[float]:
    """Returns how far resident memory rises during a step above what was resident before it (Linux)."""
    step()  # traces
    step()
    rises = []
    for _ in range(repeats):
        gc.collect()
        before = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM to the present
        step()
        rises.append(resident("VmHWM") - before)
    return rises


def resident(name: str) -> float:
    """Returns `VmRSS` or `VmHWM` of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024 / 1e6
