"""What the mixture costs: against its plain encoder, and against the mixtures a user would otherwise take."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.layers.batches import Batch, make_batch, mixture_of
from benchmarks.layers.measuring import Step, alternate, milliseconds, ratio
from benchmarks.layers.models import MODELS, mixture_name
from benchmarks.layers.results import Bar, Row
from benchmarks.layers.sizes import Sizes
from benchmarks.layers.steps import ragged_step
from mos_tf.encoders.base import SequenceEncoder
from mos_tf.moe import DSelectK, ExpertChoice, GShard

MIXED = {"DIN": 1.8, "TransAct": 1.8, "Mamba4Rec": 1.8, "SDIM": 2.5}  # encoder → wanted step time / plain
COMPARED = ("DIN", "SDIM")  # with a softmax and without; compiling 7 mixtures of others takes minutes
_NUM_EXPERTS = 8


def mixture(encoder: str, sizes: Sizes) -> list[Row]:
    """Measures training steps of the mixture, of its light mode and of the plain encoder."""
    make = MODELS[encoder].ragged
    layers = {
        "plain": make(),
        "mixture": mixture_of(make(), sizes),
        "light": mixture_of(make(), sizes, experts=("short", "theme")),
    }
    batch = mixture_batch(encoder, sizes)
    times = alternate({side: ragged_step(layer, batch) for side, layer in layers.items()}, sizes)
    full, light = (ratio(times, side, "plain") for side in ("mixture", "light"))
    name, group = mixture_name(encoder), "mixture against its plain encoder"
    return [
        Row(group, name, "step time / plain", full, Bar("<=", MIXED[encoder]), milliseconds(times)),
        Row(group, f"{name}, light", "step time / plain, without the global expert", light),
    ]


def counterparts(encoder: str, sizes: Sizes) -> list[Row]:
    """Measures training steps of the mixture and of mixtures of experts around the same encoder, 2 of 8 experts each.

    At inference behaviour of the gates: GShard always dispatches the second choice, with room for it, and DSelect-k's
    selectors are decided, as they are after training.
    """
    make, batch = MODELS[encoder].ragged, mixture_batch(encoder, sizes)
    sides = {"mixture": ragged_step(mixture_of(make(), sizes), batch)}
    sides |= {name: _decided_step(layer, batch) for name, layer in mixtures_of_experts(make).items()}
    times = alternate(sides, sizes)
    return [
        Row(
            "mixture against mixtures of experts",
            f"{mixture_name(encoder)} / {side}",
            "step time",
            ratio(times, "mixture", side),
            Bar("<", 1.0) if side.endswith("requests") else None,
            {f"{part}, ms": milliseconds(times)[f"{part}, ms"] for part in ("mixture", side)},
        )
        for side in sides
        if side != "mixture"
    ]


def mixtures_of_experts(make: Callable[[], SequenceEncoder]) -> dict[str, Any]:
    """Returns the others around an encoder, 2 of 8 experts each, by name and what they dispatch."""
    return {
        f"{name}, {dispatch}s": layer
        for dispatch in ("request", "event")
        for name, layer in {
            "GShard": GShard(make(), _NUM_EXPERTS, dispatch, capacity_factor=_NUM_EXPERTS / 2),
            "DSelect-k": DSelectK(make(), _NUM_EXPERTS, dispatch),
            "Expert Choice": ExpertChoice(make(), _NUM_EXPERTS, dispatch, capacity_factor=2.0),
        }.items()
    }


def mixture_batch(encoder: str, sizes: Sizes) -> Batch:
    """Returns requests of equal length, as many as take some tenth of a second."""
    number = sizes.batch // 4 if encoder in ("DIN", "SDIM") else sizes.quadratic_batch
    return make_batch([sizes.events] * number, sizes.dim)


def _decided_step(layer: Any, batch: Batch) -> Step:
    step = ragged_step(layer, batch)
    if isinstance(layer, DSelectK):
        select = layer.gate.select
        decided = np.random.default_rng(0).normal(size=select.kernel.shape)
        select.kernel.assign(1e6 * decided)  # far outside the steps, so that every bit is 0 or 1
    return step
