"""Multiply-adds of each encoder: one short function a class, in the order of its `encode`."""

from collections.abc import Iterable
from functools import singledispatch
from typing import Any

import numpy as np

from mos_tf.encoders import DIN, HSTU, SDIM, TWIN, Mamba4Rec, TransAct
from mos_tf.flops.sequences import Sequences
from mos_tf.layers import ShortTermExpert
from mos_tf.ragged import TILE


@singledispatch
def multiply_adds(layer: Any, sequences: Sequences) -> float:
    """Returns the multiply-adds of a built layer's matrix products over all `sequences`."""
    name = type(layer).__name__
    raise TypeError(
        f"cost counts layers that it has been told of. Received: layer={name}; "
        f"decorate a function (layer: {name}, sequences: Sequences) -> float with mos_tf.flops.register"
    )


register = multiply_adds.register


def weights_of(layers: Iterable[Any]) -> int:
    """Returns the entries of the kernels of dense layers: their multiply-adds for one vector."""
    return sum(int(np.prod(layer.kernel.shape)) for layer in layers)


@multiply_adds.register
def _(din: DIN, sequences: Sequences) -> float:
    a_candidate = weights_of([din.candidate_projection, din.value])
    a_pair = weights_of([din.event_projection, din.score]) + din.num_heads * din.value.kernel.shape[0]
    return sequences.asked * a_candidate + sequences.pairs * a_pair


@multiply_adds.register
def _(sdim: SDIM, sequences: Sequences) -> float:
    dim, num_hashes = sdim.hyperplanes.shape
    signature = dim * num_hashes + num_hashes * sdim.num_groups  # the projections and the packing of their signs
    buckets = sdim.num_groups * (1 if sequences.one_each else 2**sdim.signature_bits)
    an_event = signature + buckets * dim
    return sequences.events * an_event + sequences.asked * (signature + weights_of([sdim.value]))


@multiply_adds.register
def _(twin: TWIN, sequences: Sequences) -> float:
    candidate_dim, event_dim = twin.query.kernel.shape[0], twin.key.kernel.shape[0]
    folded = candidate_dim * twin.output_dim * event_dim  # keys into queries, once a batch
    query = twin.num_heads * candidate_dim * event_dim
    score = twin.num_heads * event_dim
    selected = sequences.last(twin.num_selected).pairs
    a_candidate = query + weights_of([twin.value])
    return folded + sequences.asked * a_candidate + (sequences.pairs + 2 * selected) * score


@multiply_adds.register
def _(transact: TransAct, sequences: Sequences) -> float:
    if transact.max_events is not None:
        sequences = sequences.last(transact.max_events)
    width = transact.blocks[0].attended.kernel.shape[0]
    squares = sequences.total(sequences.candidates * sequences.lengths**2)
    layers = 0.0
    for block in transact.blocks:
        dense = weights_of([block.queries_keys_values, block.attended, block.hidden, block.fed_forward])
        # Scores, weighted values, and a column a head that sums the weights.
        layers += sequences.pairs * dense + squares * (2 * width + block.num_heads)
    return layers + sequences.asked * weights_of([transact.output_projection])


@multiply_adds.register
def _(hstu: HSTU, sequences: Sequences) -> float:
    if hstu.max_events is not None:
        sequences = sequences.last(hstu.max_events)
    dim = hstu.output_projection.kernel.shape[0]
    causal = sequences.total(sequences.lengths * (sequences.lengths + 1) / 2)
    layers = 0.0
    for depth, block in enumerate(hstu.blocks):
        dense = weights_of([block.value_key, block.gate_query, block.gated])
        layers += sequences.asked * dense + sequences.pairs * 2 * dim
        if depth + 1 < hstu.num_layers:
            layers += sequences.events * dense + causal * 2 * dim
        else:  # nobody reads the last layer's events: only their keys and values are computed
            layers += sequences.events * weights_of([block.value_key])
    return layers + sequences.asked * weights_of([hstu.output_projection])


@multiply_adds.register
def _(mamba: Mamba4Rec, sequences: Sequences) -> float:
    layers = 0.0
    for depth, layer in enumerate(mamba.layers):
        dim, inner = layer.in_projection.kernel.shape
        state = layer.state_dim * inner  # to write it, or to read it
        scanned = weights_of([layer.in_projection, layer.step_rank, layer.step, layer.write]) + TILE * inner + state
        answered = state + weights_of([layer.read, layer.gate, layer.out_projection, layer.widen, layer.narrow])
        if depth + 1 < mamba.num_layers:
            layers += sequences.events * (scanned + answered)
        else:  # a row's last event alone answers, once it is picked out
            layers += sequences.events * (scanned + dim + inner) + sequences.num_rows * answered
    projection = 0 if mamba.projection is None else weights_of([mamba.projection])
    return layers + sequences.num_rows * projection


@multiply_adds.register
def _(expert: ShortTermExpert, sequences: Sequences) -> float:
    return multiply_adds(expert.encoder, sequences.last(expert.window))
