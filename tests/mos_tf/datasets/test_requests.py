from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mos_tf.datasets.requests import build_requests
from mos_tf.datasets.tables import WEEK_SECONDS, Popularity, weekly_counts
from mos_tf.errors import DataError
from mos_tf.features import Feature, FeatureSpec
from tests.support.request_oracle import requests_of
from tests.support.small_log import ITEMS, LISTS, SPEC, config, event, small_tables

TRAIN = 3 * WEEK_SECONDS
NO_POPULARITY = Popularity([], np.empty(0), np.empty(0))


def columns_of(events):
    names = [name for name in events[0] if name != "user_id"] if events else ["item_id", "timestamp"]
    columns = {name: np.array([e[name] for e in events], dtype=object) for name in names}
    return {**columns, "timestamp": columns["timestamp"].astype(np.int64)}


def build(events, spec=SPEC, user="anna", tables=None, popularity=NO_POPULARITY, **changed):
    return build_requests(
        user,
        columns_of(events),
        tables=tables or small_tables(),
        popularity=popularity,
        spec=spec,
        config=config(**changed),
    )


def listed(request):
    return dict(zip(request.candidates["item_id"], request.label, strict=True))


def test_candidates_are_listed_items_and_those_bought_are_positive():
    # "milk" is bought but not listed in the north: were it a candidate, being unlisted would tell the label.
    (split, request), *others = build([event("anna", item, TRAIN) for item in ("tea", "milk", "tea")]).requests
    assert (split, request.user_id, request.request_time, others) == ("train", "anna", TRAIN, [])
    assert listed(request) == {"tea": 1, "bread": 0, "rolls": 0, "soap": 0}
    assert dict(zip(request.candidates["item_id"], request.candidates["category"], strict=True)) == {
        item: ITEMS[item] for item in LISTS["north"]
    }


def test_history_is_strictly_before_the_request_and_baskets_of_one_instant_do_not_know_each_other():
    events = [event("anna", "soap", 5), event("anna", "tea", TRAIN, "s1"), event("anna", "bread", TRAIN, "s2")]
    first, second = (request for _, request in build(events).requests)
    assert first.history["item_id"].tolist() == second.history["item_id"].tolist() == ["soap"]
    assert listed(first)["tea"] == 1 and listed(second)["tea"] == 0


def test_one_request_a_basket_and_a_basket_is_a_time_without_sessions():
    events = [event("anna", "tea", TRAIN, "s1"), event("anna", "bread", TRAIN, "s2")]
    assert [listed(request)["tea"] for _, request in build(events).requests] == [1, 0]
    without_sessions = [{k: v for k, v in e.items() if k != "session_id"} for e in events]
    ((_, request),) = build(without_sessions).requests
    assert listed(request)["tea"] == listed(request)["bread"] == 1


def test_the_most_recent_events_are_kept_oldest_first():
    events = [event("anna", f"i{n}", n) for n in (3, 1, 4, 0, 2)] + [event("anna", "tea", TRAIN)]
    ((_, request),) = build(events, max_history=3).requests
    assert request.history["item_id"].tolist() == ["i2", "i3", "i4"]
    assert request.history["timestamp"].tolist() == [2, 3, 4]


def test_the_same_item_twice_at_once_has_one_order_however_its_events_come():
    spec = FeatureSpec(features=(Feature(name="channel", of="event"),))
    twice = [event("anna", "soap", 1, channel=f"channel {n}") for n in range(6)]
    basket = event("anna", "tea", TRAIN, channel="")
    for_all = {tuple(build([*order, basket], spec).requests[0][1].history["channel"]) for order in (twice, twice[::-1])}
    assert len(for_all) == 1


def test_an_unknown_item_has_empty_features_in_the_history():
    ((_, request),) = build([event("anna", "caviar", 1), event("anna", "tea", TRAIN)]).requests
    assert request.history["category"].tolist() == [""]


def test_negatives_are_drawn_without_replacement_and_no_more_than_the_list_has():
    items = {f"i{n}": "x" for n in range(50)}
    tables = small_tables(items, {"north": list(items)})
    events = [event("anna", item, TRAIN) for item in ("i3", "i7")]
    for ratio, expected in ((1, 2), (10, 20), (100, 48)):
        ((_, request),) = build(events, tables=tables, negatives_per_positive=ratio).requests
        assert request.label.sum() == 2
        assert len(set(request.candidates["item_id"])) == request.num_candidates == 2 + expected


def test_draws_depend_on_the_seed_the_user_and_the_time():
    items = {f"i{n}": "x" for n in range(50)}
    tables = small_tables(items, {"north": list(items)})

    def drawn(user="anna", time=TRAIN, seed=0):
        ((_, request),) = build([event(user, "i0", time)], user=user, tables=tables, seed=seed).requests
        return request.candidates["item_id"].tolist()

    assert drawn() == drawn()
    assert len({tuple(d) for d in (drawn(), drawn(user="bert"), drawn(time=TRAIN + 1), drawn(seed=1))}) == 4


def test_negatives_cover_the_list_evenly_and_position_says_nothing_of_the_label():
    items = {f"i{n}": "x" for n in range(20)}
    tables = small_tables(items, {"north": list(items)})
    events = [event("anna", f"i{n % 20}", TRAIN + n, str(n)) for n in range(2_000)]
    requests = [request for _, request in build(events, tables=tables, max_history=1).requests]
    labels = np.stack([request.label for request in requests])
    assert labels.shape == (2_000, 5)
    # A position is positive with probability 1/5, an item is drawn with 4/19: five standard deviations of leeway.
    assert np.all(np.abs(labels.mean(0) - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 2_000))
    drawn = Counter(item for request in requests for item, label in listed(request).items() if not label)
    assert np.all(np.abs(np.array([drawn[item] for item in items]) / 1_900 - 4 / 19) < 5 * np.sqrt(0.17 / 1_900))


def test_what_makes_no_request_is_counted():
    events = [
        event("anna", "tea", 5, "before training"),
        event("anna", "tea", TRAIN, "no list", exposure="west"),
        event("anna", "milk", TRAIN + 1, "nothing listed"),
        event("anna", "tea", TRAIN + 2, "one"),
        event("anna", "bread", 7 * WEEK_SECONDS, "two"),
        event("anna", "soap", 9 * WEEK_SECONDS, "three"),
        event("anna", "tea", 10 * WEEK_SECONDS, "after the test"),
    ]
    built = build(events)
    assert [split for split, _ in built.requests] == ["train", "eval", "test"]
    assert built.counts == {
        "baskets": 7,
        "outside_splits": 2,
        "without_list": 1,
        "without_listed_purchase": 1,
        **{f"{split}/requests": 1 for split in ("train", "eval", "test")},
        **{f"{split}/positives": 1 for split in ("train", "eval", "test")},
        **{f"{split}/negatives": 3 for split in ("train", "eval", "test")},
        "train/history_events": 3,
        "eval/history_events": 4,
        "test/history_events": 5,
    }


def test_event_and_context_features_come_from_the_events():
    spec = FeatureSpec(
        features=(
            Feature(name="channel", of="event"),
            Feature(name="price", of="event", kind="numeric"),
            Feature(name="device", of="context"),
            Feature(name="hour", of="context", kind="numeric"),
        )
    )
    events = [
        event("anna", "soap", 1, channel="web", price=1.5, device="tv", hour=1),
        event("anna", "milk", 2, channel=None, price=None, device="tv", hour=2),
        event("anna", "tea", TRAIN, channel="app", price=2.5, device="phone", hour=7),
    ]
    ((_, request),) = build(events, spec).requests
    assert request.history["channel"].tolist() == ["web", ""]
    assert request.history["price"].tolist() == [1.5, 0]
    assert request.context == {"device": "phone", "hour": 7}
    assert set(request.to_example(spec).features.feature) == {column.key for column in spec.columns()}


def test_a_feature_that_nobody_provides_is_named_but_not_the_user():
    with pytest.raises(DataError, match=r"lack the columns \['channel'\]") as raised:
        build([event("anna", "tea", TRAIN)], FeatureSpec(features=(Feature(name="channel", of="event"),)))
    assert "anna" not in str(raised.value)
    with pytest.raises(DataError, match="item feature 'colour'"):
        build([event("anna", "tea", TRAIN)], FeatureSpec(features=(Feature(name="colour", of="item"),)))
    with pytest.raises(DataError, match="candidate features that are known.*'price'"):
        build([event("anna", "tea", TRAIN)], FeatureSpec(features=(Feature(name="price", of="candidate"),)))


def test_a_user_without_events_has_no_requests():
    built = build([])
    assert (built.requests, built.counts) == ([], {})


events_strategy = st.lists(
    st.builds(
        event,
        st.just("anna"),
        st.sampled_from([*ITEMS, "caviar", "crumbs"]),
        st.sampled_from([week * WEEK_SECONDS + second for week in range(11) for second in (0, 1)]),
        st.sampled_from(["s", "t"]),
        st.sampled_from([*LISTS, "west"]),
    ),
    max_size=40,
    unique_by=lambda e: tuple(e.values()),
)
settings_strategy = st.fixed_dictionaries(
    {"max_history": st.integers(1, 12), "negatives_per_positive": st.integers(1, 3), "seed": st.integers(0, 3)}
)


@settings(max_examples=150)
@given(events_strategy, events_strategy, settings_strategy, st.randoms())
def test_requests_equal_those_of_a_slow_oracle_in_whatever_order_events_come(events, of_others, changed, random):
    log = events + of_others
    counts = weekly_counts(
        np.array([e["item_id"] for e in log], dtype=object),
        np.array([e["timestamp"] for e in log], dtype=np.int64),
        config().splits.train_end,
    )
    shuffled = list(events)
    random.shuffle(shuffled)
    built = build(shuffled, popularity=Popularity(*counts), **changed)
    expected = requests_of("anna", events, categories=ITEMS, lists=LISTS, log=log, config=config(**changed))
    assert [split for split, _ in built.requests] == [e["split"] for e in expected]
    for (_, request), wanted in zip(built.requests, expected, strict=True):
        history, candidates = request.history, request.candidates
        assert request.request_time == wanted["time"]
        assert (
            list(zip(history["item_id"], history["timestamp"], history["category"], strict=True)) == wanted["history"]
        )
        assert list(zip(candidates["item_id"], candidates["category"], strict=True)) == wanted["candidates"]
        assert request.label.tolist() == wanted["label"]
        np.testing.assert_allclose(candidates["popularity"], wanted["popularity"], rtol=1e-5)
