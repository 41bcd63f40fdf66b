"""Parts of the counterparts: a gate, and E experts of which each token meets a few."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from mos_tf.flops.encoders import multiply_adds, weights_of
from mos_tf.flops.parts import Part, parts
from mos_tf.flops.sequences import Sequences
from mos_tf.moe import DSelectK, ExpertChoice, GShard


@parts.register
def _(mixture: GShard, sequences: Sequences, themes: Sequences | None = None) -> dict[str, Part]:
    room = _capacity(2 * mixture.capacity_factor, mixture.num_experts, _num_tokens(mixture, sequences))
    return _parts(mixture, sequences, [mixture.gate.logits], min(2.0, room))


@parts.register
def _(mixture: DSelectK, sequences: Sequences, themes: Sequences | None = None) -> dict[str, Part]:
    # Once training has decided the bits, and where no two selectors agree.
    return _parts(mixture, sequences, [mixture.gate.weigh, mixture.gate.select], mixture.num_selectors)


@parts.register
def _(mixture: ExpertChoice, sequences: Sequences, themes: Sequences | None = None) -> dict[str, Part]:
    tokens = _num_tokens(mixture, sequences)
    taken = _capacity(mixture.capacity_factor, mixture.num_experts, tokens)
    return _parts(mixture, sequences, [mixture.gate.logits], min(taken, mixture.num_experts))


@multiply_adds.register
def _(mixture: GShard | DSelectK | ExpertChoice, sequences: Sequences) -> float:
    return sum(part.multiply_adds for part in parts(mixture, sequences).values())


def _num_tokens(mixture: Any, sequences: Sequences) -> float:
    """How many tokens there are to dispatch; an empty history is none."""
    return sequences.events if mixture.dispatch == "event" else sequences.total(sequences.lengths > 0)


def _capacity(factor: float, num_experts: int, tokens: float) -> float:
    """How many experts all have room for each token, on average."""
    return num_experts * np.ceil(factor * tokens / num_experts) / tokens if tokens else 0.0


def _parts(mixture: Any, sequences: Sequences, gate: Iterable[Any], per_token: float) -> dict[str, Part]:
    """Spreads the tokens evenly, `per_token` experts each."""
    share = per_token / mixture.num_experts
    by_event = mixture.dispatch == "event"
    if by_event:  # an expert meets a request's candidates if it meets any of its events
        lengths = sequences.lengths * share
        seen = sequences._replace(lengths=np.maximum(lengths, 1.0), rows=sequences.rows * np.minimum(lengths, 1.0))
    else:
        seen = sequences._replace(rows=sequences.rows * share * (sequences.lengths > 0))
    gated = sequences.events if by_event else sequences.num_rows
    experts = {
        f"expert {number}": Part(multiply_adds(expert, seen), expert.trainable_weights)
        for number, expert in enumerate(mixture.experts)
    }
    return {
        "router": Part(gated * weights_of(gate), mixture.gate.trainable_weights),
        **experts,
        "fusion": Part(0.0, [mixture.null_vector]),
    }
