"""What the mixture multiplies: against its plain encoder, and against the mixtures a user would otherwise take."""

from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.layers.batches import Batch, mixture_of, trained_router
from benchmarks.layers.mixtures import mixture_batch, mixtures_of_experts
from benchmarks.layers.models import MODELS, mixture_name
from benchmarks.layers.results import Bar, Row, Spread
from benchmarks.layers.sizes import Sizes
from mos_tf import cost

_GROUP = "multiply-adds of a forward pass"
COUNTED = ("DIN", "TransAct", "Mamba4Rec", "SDIM")


def flops(encoder: str, sizes: Sizes) -> list[Row]:
    """Counts multiply-adds of a forward pass of the batch whose steps are timed, routed by the trained router."""
    make, batch = MODELS[encoder].ragged, mixture_batch(encoder, sizes)
    lengths, themes = batch.history.row_lengths().numpy(), _theme_lengths(batch, sizes)
    name = mixture_name(encoder)

    def count(layer: Any, **routed: Any) -> float:
        layer.build((None, None, sizes.dim), (None, sizes.dim))
        return cost(layer, lengths, None, **routed).total_multiply_adds

    def row(subject: str, over: float, under: float, bar: Bar | None) -> Row:
        parts = {f"{side}, million a request": Spread.of([of / 1e6]) for side, of in (("this", over), ("that", under))}
        return Row(_GROUP, subject, "multiply-adds, this / that", Spread.of([over / under]), bar, parts)

    plain = count(make())
    mixture = count(mixture_of(make(), sizes), theme_lengths=themes)
    light = count(mixture_of(make(), sizes, experts=("short", "theme")), theme_lengths=themes)
    wanted = None if encoder == "SDIM" else Bar("<=", 1.6)
    rows = [
        row(f"{name} / {encoder}", mixture, plain, wanted),
        row(f"{name}, light / {encoder}", light, plain, Bar("<", 1.0)),
    ]
    for side, layer in mixtures_of_experts(make).items():
        by_request = side.endswith("requests")
        found = row(f"{name} / {side}", mixture, count(layer), Bar("<", 1.0) if by_request else None)
        rows.append(found if by_request else replace(found, group=f"{_GROUP}, by event"))
    return rows


def _theme_lengths(batch: Batch, sizes: Sizes) -> np.ndarray:
    """Returns how many events of each request have its candidate's theme."""
    router = trained_router(sizes.users)
    events, asked = (router(tokens)[:, 0] for tokens in (batch.tokens.values, batch.candidate_tokens))
    matching = tf.cast(events == tf.gather(asked, batch.tokens.value_rowids()), tf.int64)
    return tf.math.segment_sum(matching, batch.tokens.value_rowids()).numpy()
