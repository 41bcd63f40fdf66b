"""`cost` against TensorFlow's profiler, on rows that fill their tiles: `cost` counts no padding, a profiler does."""

import numpy as np
import pytest
import tensorflow as tf

from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.encoders import DIN, HSTU, SDIM, TWIN, Mamba4Rec, TransAct
from mos_tf.flops import cost
from mos_tf.moe import DSelectK, ExpertChoice, GShard
from mos_tf.ragged import Rows
from tests.support.ranked_requests import (
    RICH_SPEC,
    SPEC,
    planted_dataset,
    planted_item_table,
    planted_requests,
    vocabularies,
)

DIM = 16
ENCODERS = {
    "DIN": (DIN, 32),
    "SDIM": (SDIM, 64),
    "TWIN": (lambda: TWIN(num_selected=32), 32),
    "TransAct of the last events": (lambda: TransAct(max_events=64), 64),
    "TransAct of all events": (lambda: TransAct(max_events=None, num_heads=2), 128),
    "HSTU": (lambda: HSTU(num_layers=3), 2048),
    "Mamba4Rec": (lambda: Mamba4Rec(num_layers=2, output_dim=8), 32),
}
MIXTURES = {"GShard": GShard, "DSelectK": DSelectK, "ExpertChoice": ExpertChoice}


def rows_of(lengths, rng) -> Rows:
    values = rng.normal(size=(sum(lengths), DIM)).astype(np.float32)
    return Rows(tf.constant(values), tf.constant(np.cumsum([0, *lengths]), tf.int64))


def of_encoder(encoder, lengths, candidates, profiled) -> float:
    rng = np.random.default_rng(0)
    asked = np.ones(len(lengths), int) if candidates is None else np.broadcast_to(candidates, len(lengths))
    vectors = tf.constant(rng.normal(size=(asked.sum(), DIM)), tf.float32)
    looked_at = [] if candidates is None else [tf.constant(np.repeat(np.arange(len(lengths)), asked), tf.int64)]

    def encode(history, vectors, *rows):
        return encoder.encode(history, vectors, rows[0] if rows else None).vectors

    return profiled(encode, rows_of(lengths, rng), vectors, *looked_at)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("candidates", [(8, 16), None], ids=["many", "one each"])
def test_an_encoder_costs_what_the_profiler_counts(name, candidates, profiled):
    make, tile = ENCODERS[name]
    encoder = make()
    encoder.build((None, None, DIM), (None, None, DIM))
    lengths = (tile, tile) if tile > 1000 else (tile, 3 * tile)
    counted = of_encoder(encoder, lengths, candidates, profiled)
    assert cost(encoder, lengths, candidates).total_multiply_adds * 2 == pytest.approx(counted, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("dispatch", ["request", "event"])
def test_a_counterpart_costs_what_the_profiler_counts(name, dispatch, profiled):
    mixture = MIXTURES[name](DIN(), num_experts=4, dispatch=dispatch)
    mixture.build((None, None, DIM), (None, None, DIM))
    if name == "GShard":
        mixture.gate.capacity_factor = 4.0  # no expert is ever full
    if name == "DSelectK":  # decided bits: experts 0 and 3
        mixture.gate.select.kernel.assign(np.zeros((DIM, 4)))
        mixture.gate.select.bias.assign([-1.0, -1.0, 1.0, 1.0])
    lengths = [1024] * 4
    counted = of_encoder(mixture, lengths, 8, profiled)
    assert cost(mixture, lengths, 8).total_multiply_adds * 4 == pytest.approx(counted, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("one_each", [False, True])
def test_a_mixture_with_a_router_of_embeddings_costs_what_the_profiler_counts(one_each, profiled):
    mixture = MixtureOfSequence(DIN(), num_themes=1, window=32)  # with one theme, its length is the history's
    mixture.build((None, None, DIM), (None, None, DIM))
    rng = np.random.default_rng(0)
    history = tf.RaggedTensor.from_row_splits(*rows_of((64, 128), rng))
    candidates = tf.constant(rng.normal(size=(2, DIM)), tf.float32)
    if not one_each:
        candidates = tf.RaggedTensor.from_row_lengths(candidates, [1, 1])
    counted = profiled(lambda history, candidates: tf.identity(mixture(history, candidates)), history, candidates)
    spent = cost(mixture, (64, 128), None if one_each else 1, theme_lengths=(64, 128))
    assert spent.total_multiply_adds * 2 == pytest.approx(counted, rel=0.05)


LENGTH, CANDIDATES = 1024, 8
SEQUENCES = {
    "DIN": DIN,
    "MoS(DIN)": lambda: MixtureOfSequence(DIN(), num_themes=4, window=32),
    "MoS(Mamba4Rec)": lambda: MixtureOfSequence(Mamba4Rec(), num_themes=4, window=32, fusion="concatenation"),
    "MoS without global expert": lambda: MixtureOfSequence(DIN(), num_themes=4, window=32, experts=("short", "theme")),
    "MoS of affinity alone": lambda: MixtureOfSequence(DIN(), num_themes=4, experts=()),
    "MoS with own weights by session": lambda: MixtureOfSequence(
        DIN(), num_themes=2, window=32, theme_weights="own", routing_unit="session"
    ),
    "GShard(DIN)": lambda: GShard(DIN(), num_experts=4, capacity_factor=4.0),
    "ExpertChoice(DIN)": lambda: ExpertChoice(DIN(), num_experts=4),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("rich", [False, True])
def test_a_ranker_costs_what_the_profiler_counts(name, rich, profiled):
    spec = RICH_SPEC if rich else SPEC
    extras = {"item_table": planted_item_table(), "cross_layers": 2, "time_features": True} if rich else {}
    ids = {name: vocabularies()[name].num_ids for name in spec.categoricals}
    ranker = SequenceRanker(spec, ids, SEQUENCES[name](), embedding_dim=DIM, **extras)
    dataset = planted_dataset(batch_size=4, requests=planted_requests([LENGTH] * 4, [CANDIDATES] * 4), spec=spec)
    ranker.adapt(dataset)
    features = next(iter(dataset))[0]
    if ranker.router:
        features |= even_themes(ranker, features)
    counted = profiled(lambda features: ranker.score(features).logits, features)
    spent = cost(ranker, [LENGTH] * 4, CANDIDATES)
    products = spent.total_multiply_adds - spent.multiply_adds["similarity"]  # whose sums are of no matrix product
    expected = products * 4 - (spared(ranker, features) if rich else 0)
    assert expected == pytest.approx(counted, rel=0.05)
    assert spent.total_parameters == sum(weight.shape.num_elements() for weight in ranker.trainable_variables)


def even_themes(ranker, features) -> dict[str, tf.RaggedTensor]:
    """Returns categories that give each theme an even share of every history, one theme after the other."""
    (num_themes, table), *_ = ranker.theme_table().items()
    of_theme = np.array([np.flatnonzero(table == theme)[0] for theme in range(num_themes)])
    return {
        f"{role}_category": features[f"{role}_category"].with_values(
            tf.constant(np.tile(np.repeat(of_theme, size // num_themes), 4), tf.int64)
        )
        for role, size in (("history", LENGTH), ("candidate", CANDIDATES))
    }


def spared(ranker, features) -> int:
    """Returns the multiply-adds of vectors that are not projected again where an item comes twice."""
    kernel = ranker.embed.projections["image"].kernel
    alone = isinstance(ranker.sequence, MixtureOfSequence) and not ranker.sequence.experts  # reads no event
    roles = ("candidate",) if alone else ("history", "candidate")
    items = [features[f"{role}_item_id"].flat_values.numpy() for role in roles]
    return sum(len(ids) - len(np.unique(ids)) for ids in items) * int(np.prod(kernel.shape))
