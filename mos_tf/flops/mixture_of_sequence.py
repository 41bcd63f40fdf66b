"""Parts of a `MixtureOfSequence`: the router, the three experts and their fusion."""

from typing import Any

import numpy as np

from mos_tf.flops.encoders import multiply_adds, weights_of
from mos_tf.flops.parts import Part, parts
from mos_tf.flops.sequences import Sequences
from mos_tf.layers import EmbeddingRouter, MixtureOfSequence, ThemeExperts, ThemeRouter


@parts.register
def _(mixture: MixtureOfSequence, sequences: Sequences, themes: Sequences | None = None) -> dict[str, Part]:
    counted = {"router": Part(_routed(mixture, sequences), mixture.router.trainable_weights)}
    for name, expert in (("global", mixture.global_expert), ("short", mixture.short_expert)):
        if expert is not None:
            counted[f"{name} expert"] = Part(multiply_adds(expert, sequences), expert.trainable_weights)
    if (expert := mixture.theme_expert) is not None:
        seen = even_themes(sequences, expert.num_themes) if themes is None else themes
        counted["theme expert"] = Part(multiply_adds(expert, seen), expert.trainable_weights)
    fusion = mixture.fusion if mixture.experts else mixture.affinity_projection
    return counted | {"fusion": Part(sequences.asked * weights_of(_dense(fusion)), fusion.trainable_weights)}


def even_themes(sequences: Sequences, num_themes: int) -> Sequences:
    """Returns what a theme expert sees where all themes are equally long and candidates ask for as many as they can."""
    asked_for = np.minimum(sequences.candidates, num_themes)
    return sequences._replace(
        lengths=sequences.lengths / num_themes,
        candidates=sequences.candidates / np.maximum(asked_for, 1.0),
        rows=sequences.rows * asked_for,
    )


@multiply_adds.register
def _(expert: ThemeExperts, sequences: Sequences) -> float:
    return multiply_adds(expert.encoders[0], sequences)  # by whichever encoder, each row is read once


@multiply_adds.register
def _(router: EmbeddingRouter, sequences: Sequences) -> float:
    return (sequences.events + sequences.asked) * (int(np.prod(router.projection.shape)) + _compared(router))


def _routed(mixture: MixtureOfSequence, sequences: Sequences) -> float:
    router = mixture.router
    if not isinstance(router, ThemeRouter):
        return multiply_adds(router, sequences)
    # A frozen table is looked up; a learned one is made for each look-up, of events and of candidates.
    table = router.num_tokens * _compared(router) if router.learn else 0
    return table + (sequences.events * _compared(router) if mixture.routing_unit == "session" else table)


def _compared(router: Any) -> int:
    """Multiply-adds of comparing one embedding with every code."""
    return router.routing_dim * sum(router.num_themes)


def _dense(fusion: Any) -> list[Any]:
    """Returns the dense layers of a fusion, or of what stands for it."""
    if not hasattr(fusion, "combination"):
        return [fusion]
    by_combination = {"gate": ("hidden", "gate"), "concatenation": ("projection",), "mean": ()}
    return [getattr(fusion, name) for name in by_combination[fusion.combination]]
