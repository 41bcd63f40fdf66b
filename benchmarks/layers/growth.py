"""Cost follows the true number of events: linear in a history, and in one row's share of a batch."""

import numpy as np

from benchmarks.layers.batches import make_batch
from benchmarks.layers.measuring import alternate, milliseconds, ratio
from benchmarks.layers.models import ragged_layer
from benchmarks.layers.results import Bar, Row, Spread
from benchmarks.layers.sizes import Sizes
from benchmarks.layers.steps import ragged_step

_ROWS = 4  # of ten times the events
_SHORT_ROWS, _LONG_ROW = 47, 16  # rows, and the length of one more as a multiple of theirs: a quarter of all events


def growth(name: str, sizes: Sizes) -> list[Row]:
    """Measures training steps of longer histories, and of one longer history among others."""
    return [_ten_times(name, sizes), _one_row(name, sizes)]


def _ten_times(name: str, sizes: Sizes) -> Row:
    layer = ragged_layer(name, sizes)
    lengths = {"short": sizes.events, "long": sizes.more_events}
    sides = {side: ragged_step(layer, make_batch([length] * _ROWS, sizes.dim)) for side, length in lengths.items()}
    times = alternate(sides, sizes)
    return Row(
        "ten times the events",
        name,
        f"time of {sizes.more_events:,} events a row / of {sizes.events:,}",
        ratio(times, "long", "short"),
        Bar("<=", 12.0),
        milliseconds(times),
    )


def _one_row(name: str, sizes: Sizes) -> Row:
    layer = ragged_layer(name, sizes)
    lengths = np.full(_SHORT_ROWS + 1, sizes.events)
    lengths[0] *= _LONG_ROW
    doubled = lengths.copy()
    doubled[0] *= 2
    sides = {"before": lengths, "doubled": doubled}
    times = alternate({side: ragged_step(layer, make_batch(of, sizes.dim)) for side, of in sides.items()}, sizes)
    events = doubled.sum() / lengths.sum()
    relative = Spread.of([b / a / events for a, b in zip(times["before"], times["doubled"], strict=True)])
    return Row(
        "one row twice as long",
        name,
        "time's growth off the events' growth, as a share",
        Spread.of([abs(relative.median - 1.0)]),
        Bar("<=", 0.15),
        {"growth of time / of events": relative, **milliseconds(times)},
    )
