"""Training steps on ragged batches against the same mathematics on padded ones: time and peak memory."""

import numpy as np

from benchmarks.layers.batches import Batch, log_normal_lengths, make_batch, trained_router
from benchmarks.layers.measuring import Step, alternate, milliseconds, peak_megabytes, ratio
from benchmarks.layers.models import batch_size, is_mixture, padded_layer, ragged_layer
from benchmarks.layers.processes import in_own_process
from benchmarks.layers.results import Bar, Row, Spread
from benchmarks.layers.sizes import Sizes
from benchmarks.layers.steps import padded_step, ragged_step
from mos_tf.errors import DataError

FAST = ("DIN", "SDIM", "Mamba4Rec", "MoS(SDIM)", "MoS(DIN)")
SUPERLINEAR = ("TransAct", "HSTU", "TWIN")
SIDES = ("ragged", "padded")


def training_step(name: str, sizes: Sizes) -> list[Row]:
    """Measures both sides with log-normal lengths, and as a control with equal ones of the same mean."""
    lengths = log_normal_lengths(batch_size(name, sizes), sizes)
    equal = np.full(len(lengths), round(lengths.mean()))
    rows = []
    for law, batch in (("log-normal", make_batch(lengths, sizes.dim)), ("equal", make_batch(equal, sizes.dim))):
        times = alternate({side: _step(side, name, batch, sizes) for side in SIDES}, sizes)
        if law == "log-normal":
            speed, bar = ratio(times, "padded", "ragged"), Bar(">=", 3.0 if name in FAST else 1.5)
            quantity = "time padded / ragged, log-normal lengths"
        else:
            speed, bar = ratio(times, "ragged", "padded"), Bar("<=", 1.5)
            quantity = "time ragged / padded, equal lengths"
        rows.append(Row(f"training step, {law} lengths", name, quantity, speed, bar, milliseconds(times)))
    return rows


def memory(name: str, sizes: Sizes) -> list[Row]:
    """Compares the peaks of both sides, each from a process that runs nothing else.

    What an earlier step took must have been given back, or a later one would not seem to need it. So these processes
    run without oneDNN, whose allocator keeps everything (the tensors are the same ones), and the C library, which
    keeps smaller blocks, is told to map them.
    """
    gives_back = {"TF_ENABLE_ONEDNN_OPTS": "0", "MALLOC_MMAP_THRESHOLD_": str(2**16)}
    peaks = {side: in_own_process(["peak", name, side], sizes, **gives_back) for side in SIDES}
    if min(peaks["padded"]) <= 0:
        raise DataError(
            "memory is measured in pages, so a padded step must take some. "
            f"Received: rises of {peaks['padded']} MB with {sizes}; take larger sizes"
        )
    shares = [a / b for a, b in zip(peaks["ragged"], peaks["padded"], strict=True)]
    return [
        Row(
            "peak memory of a training step",
            name,
            "peak memory ragged / padded, log-normal lengths",
            Spread.of(shares),
            Bar("<=", 0.333) if name in FAST else None,
            {f"{side}, MB": Spread.of(found) for side, found in peaks.items()},
        )
    ]


def peak(name: str, side: str, sizes: Sizes) -> list[float]:
    """Returns the MB that steps of one side need above what was resident before them."""
    batch = make_batch(log_normal_lengths(batch_size(name, sizes), sizes), sizes.dim)
    return peak_megabytes(_step(side, name, batch, sizes), sizes.repeats)


def _step(side: str, name: str, batch: Batch, sizes: Sizes) -> Step:
    if side == "ragged":
        return ragged_step(ragged_layer(name, sizes), batch)
    router = trained_router(sizes.users) if is_mixture(name) else None
    return padded_step(padded_layer(name, sizes), batch, router)
