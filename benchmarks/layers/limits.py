"""One very long history: linear encoders take it, quadratic ones say that they do not."""

import math

import tensorflow as tf

from benchmarks.layers.batches import make_batch
from benchmarks.layers.measuring import resident
from benchmarks.layers.models import ragged_layer
from benchmarks.layers.results import Bar, Row, Spread
from benchmarks.layers.sizes import Sizes
from benchmarks.layers.steps import ragged_step
from mos_tf.ragged.tile_attention import MOST_EVENTS

_SAID = "said of one very long history"


def long_history(name: str, sizes: Sizes) -> list[Row]:
    """Runs a training step and takes the peak of the whole process, libraries included."""
    loss = ragged_step(ragged_layer(name, sizes), make_batch([sizes.many_events], sizes.dim))()
    peak, events = Spread.of([resident("VmHWM") / 1e3]), f"{sizes.many_events:,} events"
    return [
        Row("one very long history", name, f"peak GB of a process, {events}", peak, Bar("<=", 4.0)),
        Row(_SAID, f"{name}, finite", f"whether the loss is, {events}", _said(math.isfinite(loss)), Bar(">=", 1.0)),
    ]


def refusal(name: str, sizes: Sizes) -> list[Row]:
    """Asks a quadratic encoder for the same, and whether its error names the limit."""
    step = ragged_step(ragged_layer(name, sizes), make_batch([sizes.many_events], sizes.dim))
    try:
        step()
        message = ""
    except tf.errors.InvalidArgumentError as error:
        message = str(error)
    quantity = f"whether {sizes.many_events:,} events are refused by an error that names the limit, {MOST_EVENTS:,}"
    return [Row(_SAID, f"{name}, refuses", quantity, _said(str(MOST_EVENTS) in message), Bar(">=", 1.0))]


def _said(true: bool) -> Spread:
    return Spread.of([float(true)])
