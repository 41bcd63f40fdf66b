import numpy as np

from mos_tf.encoders import DIN
from mos_tf.flops import cost
from mos_tf.study.price import _matches, _themes, price
from mos_tf.study.variants import Variant


def test_a_price_counts_the_events_and_the_candidates_of_the_themes_that_are_asked_for(study_data):
    ranker = Variant(grouping="random", mixture={"num_themes": 3}).make(study_data, DIN, seed=0)
    table = ranker.router.table.numpy()
    features, _ = next(iter(study_data.test.batches(4)))
    told = _themes(ranker, features)
    for row in range(4):
        events, candidates = (table[features[f"{of}_category"][row].numpy(), 0] for of in ("history", "candidate"))
        asked = sorted(set(candidates))
        assert told["theme_lengths"][row] == [(events == theme).sum() for theme in asked]
        assert told["theme_candidates"][row] == [(candidates == theme).sum() for theme in asked]


def test_matches_are_the_events_that_some_candidate_of_their_request_matches(study_data):
    ranker = Variant(grouping="random", mixture={"num_themes": (3, 40)}).make(study_data, DIN, seed=0)
    table = ranker.router.table.numpy()
    features, _ = next(iter(study_data.test.batches(4)))
    expected = dict.fromkeys(("all", "category", "theme_3", "theme_40"), 0)
    for row in range(4):
        events, candidates = (features[f"{of}_category"][row].numpy() for of in ("history", "candidate"))
        known = candidates[candidates < study_data.num_ids["category"] - 1]
        expected["all"] += len(events)
        expected["category"] += np.isin(events, known).sum()
        for column, themes in enumerate((3, 40)):
            asked = table[candidates, column]
            expected[f"theme_{themes}"] += np.isin(table[events, column], asked[asked < themes]).sum()
    assert _matches(ranker, ranker.candidate_numbers.similarity, features) == expected
    assert 0 < expected["theme_40"] < expected["theme_3"] <= expected["all"]


def test_a_plain_encoder_has_no_themes_and_costs_what_is_counted_and_comparing_what_matches(study_data):
    ranker = Variant("own", None).make(study_data, DIN, seed=0)
    ranker.adapt(study_data.train.batches(64))
    assert _themes(ranker, {}) == {}
    told = price(ranker, study_data.test)
    columns = next(iter(study_data.test.batches(300)))[0]
    lengths, candidates = (columns[f"{of}_item_id"].row_lengths().numpy() for of in ("history", "candidate"))
    spent = cost(ranker, lengths, candidates)
    met = (
        sum(_matches(ranker, ranker.candidate_numbers.similarity, columns).values()) + 2 * candidates.sum()
    )  # at "all" and by category
    compared = met * 2 * ranker.candidate_numbers.similarity.dim / len(lengths)
    others = spent.total_multiply_adds - spent.multiply_adds["similarity"]
    assert told == {"multiply_adds": round(others + compared), "parameters": spent.total_parameters}


def test_what_nobody_compares_costs_what_is_counted(study_data):
    ranker = Variant("none", None).make(study_data, DIN, seed=0)
    columns = next(iter(study_data.test.batches(300)))[0]
    spent = cost(ranker, *(columns[f"{of}_item_id"].row_lengths().numpy() for of in ("history", "candidate")))
    assert price(ranker, study_data.test)["multiply_adds"] == round(spent.total_multiply_adds)
