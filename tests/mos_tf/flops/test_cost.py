import numpy as np
import pytest

from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.encoders import DIN, HSTU, SDIM, TWIN, Mamba4Rec, SequenceEncoder, TransAct
from mos_tf.flops import Sequences, cost, register
from mos_tf.moe import DSelectK, ExpertChoice, GShard
from tests.support.ranked_requests import SPEC, vocabularies


def built(layer, dim=4):
    if not layer.built:
        layer.build((None, None, dim), (None, None, dim))
    return layer


def total(layer, *sizes, dim=4, **options) -> float:
    return cost(built(layer, dim), *sizes, **options).total_multiply_adds


def test_din_counts_candidates_and_pairs():
    din = DIN(hidden_units=3, num_heads=2)
    # 2 candidates · (4 · 3 hidden + 4² values) + 20 pairs · (4 · 3 hidden + 3 · 2 scores + 2 · 4 weighted values)
    assert total(din, [10], 2) == 2 * (12 + 16) + 20 * 26


def test_sdim_sums_all_buckets_unless_each_candidate_has_a_row():
    # hyperplanes 4 · 6, packing 6 · 3, and 3 groups (of 4 codes) · 4 to sum; candidates: signature and 4² values
    assert total(SDIM(num_hashes=6, signature_bits=2), [10], 2) == 10 * (24 + 18 + 48) + 2 * (24 + 18 + 16)
    assert total(SDIM(num_hashes=6, signature_bits=2), [10], None) == 10 * (24 + 18 + 12) + (24 + 18 + 16)


def test_twin_searches_all_events_and_attends_to_the_selected():
    twin = TWIN(num_selected=5, num_heads=2)
    # folded keys 4³ once; a candidate: queries 2 · 4² and values 4²; 8 a scored pair, 8 more to weigh a selected one
    assert total(twin, [10, 3], [2, 1]) == (64 + 3 * (32 + 16) + (23 + 2 * 13) * 8) / 2


def test_transact_is_quadratic_within_its_window():
    transact = TransAct(max_events=6, num_layers=1, num_heads=2, feed_forward=5, num_recent=1)
    pair = 8 * 24 + 8 * 8 + 2 * 8 * 5
    # 2 candidates over 6 of 10 events: 8-wide scores and values, 2 sums of weights; outputs 2 · 8 · 4
    assert total(transact, [10], 2) == 2 * (6 * pair + 36 * (8 + 8 + 2) + 64)


def test_hstu_spares_the_output_of_the_last_layers_events():
    hstu = HSTU(num_layers=2, num_heads=1)
    event = 5 * 16  # queries, keys, values, gate; output
    first = 10 * event + 55 * 8 + 2 * event + 20 * 8  # 55 causal pairs
    last = 10 * 32 + 2 * event + 20 * 8
    assert total(hstu, [10], 2) == first + last + 2 * 16


def test_mamba4rec_reads_once_for_all_candidates_and_answers_once_a_row():
    mamba = Mamba4Rec(num_layers=1, state_dim=3, expand=2)
    # in 4 · 8, step 8 · 1 + 1 · 8, write 8 · 3, steps summed over a tile 32 · 8, state 3 · 8, the last picked 4 + 8
    event = 32 + 16 + 24 + 256 + 24 + 12
    row = 24 + 24 + 32 + 32 + 8 * 16  # read weights, read, gate, out, feed-forward network
    assert total(mamba, [10], 1) == total(mamba, [10], 500) == 10 * event + row


def test_cost_is_the_mean_over_requests():
    assert total(DIN(), [10, 30], [2, 4]) == (total(DIN(), [10], 2) + total(DIN(), [30], 4)) / 2


def test_a_mixture_of_sequence_costs_the_history_its_window_and_a_theme():
    def plain(length, candidates=1):
        return total(DIN(hidden_units=3, num_heads=2), [length], candidates)

    mixture = built(MixtureOfSequence(DIN(hidden_units=3, num_heads=2), num_themes=5, window=20))
    spent = cost(mixture, [100], 2).multiply_adds
    assert list(spent) == ["router", "global expert", "short expert", "theme expert", "fusion"]
    assert spent["global expert"] == plain(100, 2)
    assert spent["short expert"] == plain(20, 2)
    assert spent["theme expert"] == 2 * plain(20)  # 2 candidates ask for 2 of the 5 themes
    # 102 vectors through the projection 4 · 32 and along 5 codes of 32; gate (4 + 3 · 4) · 32 + 32 · 3
    assert spent["router"] == 102 * (128 + 160)
    assert spent["fusion"] == 2 * (16 * 4 + 4 * 3)
    told = cost(mixture, [100], 2, theme_lengths=[[70.0]]).multiply_adds
    assert told["theme expert"] == plain(70, 2)
    assert cost(mixture, [100], 0).multiply_adds["theme expert"] == 0
    uneven = cost(mixture, [100], 10, theme_lengths=[[90, 10]], theme_candidates=[[9, 1]]).multiply_adds
    assert uneven["theme expert"] == plain(90, 9) + plain(10, 1)


@pytest.mark.parametrize(
    ("mixture", "experts"),
    [
        (lambda encoder: GShard(encoder, num_experts=8), 2.0),
        (lambda encoder: DSelectK(encoder, num_experts=8, num_selectors=3), 3.0),
        (lambda encoder: ExpertChoice(encoder, num_experts=8, capacity_factor=1.5), 2.0),  # room for ⌈1.5⌉ of 8 each
    ],
)
def test_a_counterpart_costs_the_experts_that_a_request_meets(mixture, experts):
    layer = built(mixture(DIN()))
    spent = cost(layer, [100] * 8, 3)
    of_experts = sum(value for name, value in spent.multiply_adds.items() if name.startswith("expert"))
    assert of_experts == pytest.approx(experts * total(DIN(), [100], 3))
    assert spent.multiply_adds["router"] == layer.gate.count_params() - sum(
        int(np.prod(weight.shape)) for weight in layer.gate.weights if "kernel" not in weight.name
    )


def test_by_event_each_expert_meets_a_share_of_the_events_and_all_candidates():
    spent = cost(built(GShard(DIN(), num_experts=8, dispatch="event")), [400], 3).multiply_adds
    assert spent["expert 0"] == total(DIN(), [100], 3)
    assert spent["router"] == 400 * 4 * 8


def test_an_empty_history_meets_no_expert():
    spent = cost(built(GShard(DIN())), [0], 3).multiply_adds
    assert spent == {"router": 4.0 * 8, **{f"expert {e}": 0.0 for e in range(8)}, "fusion": 0.0}


def test_a_ranker_adds_the_projections_of_numbers_and_the_head():
    ids = {name: vocabulary.num_ids for name, vocabulary in vocabularies().items()}
    ranker = SequenceRanker(SPEC, ids, DIN(num_heads=2), embedding_dim=4)
    spent = cost(ranker, [100], 3).multiply_adds
    assert list(spent) == ["embedding", "similarity", "encoder", "head"]
    assert spent["embedding"] == 100 * 4  # the price of an event
    assert spent["encoder"] == total(DIN(num_heads=2), [100], 3)
    assert spent["similarity"] == (100 + 3) * 64 * 2 * 2  # plain and aged, of all events and those of the category
    # 20 numbers: affinity to all, item and category, 5 each, similarity to all and category, 2 each, and popularity; 16
    # bins, 2 wide. The second tower sees the product, the candidate, 4 of evidence and the store.
    numbers = 20 * 16 * 2 + 20 * 16 + (20 * 3 * 48 + 48 * 256 + 256)
    assert spent["head"] == 3 * (numbers + (4 + 4 + 4 + 4) * 64 + 64)


def test_similarity_costs_the_events_of_themes_that_are_asked_for_and_at_other_levels_the_history():
    ids = {name: vocabulary.num_ids for name, vocabulary in vocabularies().items()}
    ranker = SequenceRanker(SPEC, ids, MixtureOfSequence(DIN(num_heads=2), num_themes=(2, 4)), embedding_dim=4)
    spent = cost(ranker, [100], 3).multiply_adds
    # All and the category: 100 events each; both of 2 themes are asked for by 3 candidates, 3 of 4.
    assert spent["similarity"] == (100 + 100 + 2 * 50 + 3 * 25 + 4 * 3) * 64 * 2


@pytest.mark.parametrize("make", [DIN, lambda: MixtureOfSequence(DIN()), lambda: GShard(DIN())])
def test_parameters_are_those_that_train(make):
    layer = built(make())
    parameters = cost(layer, [10]).parameters
    assert sum(parameters.values()) == sum(int(np.prod(weight.shape)) for weight in layer.trainable_variables)


ENCODERS = {
    "DIN": DIN,
    "SDIM": SDIM,
    "TWIN": TWIN,
    "TransAct": lambda: TransAct(max_events=None),
    "HSTU": HSTU,
    "Mamba4Rec": Mamba4Rec,
}


@pytest.mark.parametrize("name", ENCODERS)
def test_for_one_candidate_mos_costs_little_more_than_its_encoder_and_less_than_counterparts(name):
    """1,000 events, 8 even themes routed by token, a window of 50; 2 of 8 experts a request, in a batch of 8."""
    make = ENCODERS[name]

    def mixture(**options) -> MixtureOfSequence:
        layer = MixtureOfSequence(make(), num_themes=8, window=50, **options)
        layer.make_router(num_tokens=100)
        return layer

    def of(layer) -> float:
        return total(layer, [1000] * 8, 1, dim=32)

    plain = of(make())
    mos = of(mixture())
    assert mos <= 1.6 * plain
    assert of(mixture(experts=("short", "theme"))) < plain
    for counterpart in (GShard, DSelectK, ExpertChoice):
        assert mos < of(counterpart(make(), num_experts=8))


class Mean(SequenceEncoder):
    """Counts nothing that anybody knows of."""


def test_an_encoder_that_nobody_counted_is_told_to_register():
    with pytest.raises(TypeError, match=r"Received: layer=Mean; .* mos_tf.flops.register"):
        cost(built(Mean()), [10])


def test_a_registered_encoder_is_counted_inside_a_mixture_too():
    class Doubling(SequenceEncoder):
        pass

    @register
    def _(layer: Doubling, sequences: Sequences) -> float:
        return 2 * sequences.pairs

    assert total(Doubling(), [10], 3) == 60
    mixture = built(MixtureOfSequence(Doubling(), num_themes=5, window=4))
    spent = cost(mixture, [10], 3).multiply_adds
    assert (spent["global expert"], spent["short expert"], spent["theme expert"]) == (60, 24, 12)


@pytest.mark.parametrize(
    ("sizes", "rule"),
    [
        (dict(lengths=[]), "lengths of shape"),
        (dict(lengths=[3, -1]), "least -1"),
        (dict(lengths=[3, 1], candidates=[1]), r"candidates of shape \(1,\)"),
        (dict(lengths=[3], theme_lengths=[2]), "a MixtureOfSequence routes. Received: theme_lengths for a DIN"),
    ],
)
def test_wrong_sizes_say_what_was_received(sizes, rule):
    with pytest.raises(ValueError, match=rule):
        cost(built(DIN()), **sizes)


@pytest.mark.parametrize("asking", [[[1, 2]], [[3]], [[4, -1]], [[3, 0], [1]]])
def test_every_candidate_asks_for_one_theme(asking):
    with pytest.raises(ValueError, match=r"asks for one of its themes. Received: theme_candidates=.* of \[4.0\]"):
        cost(built(MixtureOfSequence(DIN())), [4], 4, theme_lengths=[[2, 1]], theme_candidates=asking)


def test_themes_hold_no_more_than_the_history():
    with pytest.raises(ValueError, match=r"theme_lengths=\[\[2, 3\]\] for histories of \[4.0\]"):
        cost(built(MixtureOfSequence(DIN())), [4], theme_lengths=[[2, 3]])


def test_a_model_that_is_not_built_has_no_sizes():
    with pytest.raises(ValueError, match="Received: DIN 'din.*', not built; call it once"):
        cost(DIN(), [10])


def test_the_table_shows_every_part_and_the_total():
    table = cost(built(MixtureOfSequence(DIN(), num_themes=2)), [10]).table()
    assert list(table.columns[0].cells) == [
        "router",
        "global expert",
        "short expert",
        "theme expert",
        "fusion",
        "total",
    ]
