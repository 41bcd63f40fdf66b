from mos_tf.encoders import DIN
from mos_tf.flops import cost
from mos_tf.study.price import _themes, price
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


def test_a_plain_encoder_has_no_themes_and_the_price_that_is_counted(study_data):
    ranker = Variant("own", None).make(study_data, DIN, seed=0)
    ranker.adapt(study_data.train.batches(64))
    assert _themes(ranker, {}) == {}
    told = price(ranker, study_data.test)
    columns = next(iter(study_data.test.batches(300)))[0]
    lengths, candidates = (columns[f"{of}_item_id"].row_lengths().numpy() for of in ("history", "candidate"))
    spent = cost(ranker, lengths, candidates)
    assert told == {"multiply_adds": round(spent.total_multiply_adds), "parameters": spent.total_parameters}
