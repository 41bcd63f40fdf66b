"""Requests with `negatives="sampled"`: what becomes a candidate, and that nothing of the future does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from mos_tf.datasets.pool import SamplingPool
from mos_tf.datasets.requests import UserRequests, build_requests
from mos_tf.datasets.tables import WEEK_SECONDS, Popularity, Tables, weekly_counts
from tests.support.request_oracle import requests_of
from tests.support.small_log import ITEMS, LISTS, SPEC, config, event, items_frame, small_tables

TRAIN, EVAL, TEST = 3 * WEEK_SECONDS, 6 * WEEK_SECONDS, 8 * WEEK_SECONDS

# Before week 3: tea 2, milk 1, caviar 1, of which the items know nothing. Soap is first bought in week 3.
OF_BEN = [
    event("ben", "tea", 1),
    event("ben", "tea", 2),
    event("ben", "milk", WEEK_SECONDS),
    event("ben", "caviar", TRAIN - 1),
    event("ben", "soap", TRAIN),
]


def columns_of(events: list[dict]) -> dict[str, np.ndarray]:
    names = ("item_id", "timestamp", "session_id", "exposure_id")
    columns = {name: np.array([e[name] for e in events], dtype=object) for name in names}
    return {**columns, "timestamp": columns["timestamp"].astype(np.int64)}


def build(events: list[dict], log: list[dict], user: str = "anna", **changed) -> UserRequests:
    """Builds the requests of a user's events in a log that holds them and all others'."""
    settings = config(**{"negatives": "sampled", **changed})
    columns = columns_of(log)

    def counts(end: int):
        return weekly_counts(columns["item_id"], columns["timestamp"], end)

    return build_requests(
        user,
        columns_of(events),
        tables=Tables(items_frame(ITEMS)),
        popularity=Popularity(*counts(settings.splits.train_end)),
        pool=SamplingPool(*counts(settings.splits.test_end)),
        spec=SPEC,
        config=settings,
    )


def labels(request) -> dict[str, float]:
    return dict(zip(request.candidates["item_id"], request.label.tolist(), strict=True))


def of_split(built: UserRequests, split: str) -> dict[str, int]:
    return {name: built.counts[f"{split}/{name}"] for name in ("requests", "positives", "negatives")}


def test_candidates_are_what_was_bought_and_others_of_those_seen_in_earlier_weeks():
    # Soap and bread are bought in this week first: no candidates, or being new would tell the label.
    events = [event("anna", item, TRAIN + 5) for item in ("tea", "soap", "tea", "bread")]
    built = build(events, events + OF_BEN)
    ((split, request),) = built.requests
    assert (split, request.request_time) == ("train", TRAIN + 5)
    assert labels(request) == {"tea": 1, "milk": 0, "caviar": 0}
    assert built.counts == {
        "baskets": 1,
        "positives_outside_pool": 2,
        "train/requests": 1,
        "train/positives": 1,
        "train/negatives": 2,
        "train/history_events": 0,
    }


def test_an_item_that_the_items_do_not_know_is_a_candidate_with_empty_features():
    events = [event("anna", "caviar", TRAIN + 5)]
    ((_, request),) = build(events, events + OF_BEN).requests
    categories = dict(zip(request.candidates["item_id"], request.candidates["category"], strict=True))
    assert categories == {"caviar": "", "tea": "drinks", "milk": "drinks"}


def test_a_basket_of_new_items_alone_makes_no_request_and_is_counted():
    events = [event("anna", "soap", 5), event("anna", "rolls", TRAIN, "1"), event("anna", "tea", TRAIN, "2")]
    built = build(events, events + OF_BEN)
    assert [labels(request)["tea"] for _, request in built.requests] == [1]
    assert (built.counts["baskets"], built.counts["outside_splits"], built.counts["without_seen_purchase"]) == (3, 1, 1)
    assert built.counts["positives_outside_pool"] == 1


def test_negatives_are_so_many_for_each_positive_and_fewer_where_the_pool_has_no_more():
    earlier = [event("ben", f"i{n}", n) for n in range(30)]
    events = [event("anna", f"i{n}", TRAIN) for n in range(2)]
    for ratio, expected in ((1, 2), (5, 10), (14, 28), (15, 28)):
        ((_, request),) = build(events, events + earlier, negatives_per_positive=ratio).requests
        assert request.label.sum() == 2
        assert len(set(request.candidates["item_id"])) == request.num_candidates == 2 + expected


def test_a_pool_of_what_was_bought_alone_leaves_no_negatives():
    events = [event("anna", item, TRAIN) for item in ("tea", "milk", "caviar")]
    built = build(events, events + OF_BEN)
    assert of_split(built, "train") == {"requests": 1, "positives": 3, "negatives": 0}


def test_evaluation_draws_from_the_items_of_its_time_while_popularity_stays_that_of_training():
    log = [*OF_BEN, event("ben", "rolls", EVAL), event("ben", "rolls", EVAL + 1), event("ben", "bread", TEST)]
    for time, split in ((TEST - 1, "eval"), (TEST, "test")):
        events = [event("anna", "tea", time)]
        ((found, request),) = build(events, log + events).requests
        assert found == split
        assert labels(request) == {"tea": 1, "milk": 0, "caviar": 0, "soap": 0, "rolls": 0}
        shares = dict(zip(request.candidates["item_id"], np.exp(request.candidates["popularity"]), strict=True))
        # Of the 4 items that training saw in 5 events; rolls are of later.
        assert shares == pytest.approx({"tea": 3 / 9, "milk": 2 / 9, "caviar": 2 / 9, "soap": 2 / 9, "rolls": 1 / 9})


def test_popularity_is_that_of_the_weeks_before_the_request():
    events = [event("anna", "tea", 2 * WEEK_SECONDS)]
    ((_, request),) = build(events, events + OF_BEN).requests
    shares = dict(zip(request.candidates["item_id"], np.exp(request.candidates["popularity"]), strict=True))
    # Before week 2: tea 2 and milk 1, of the 4 items of training.
    assert shares == pytest.approx({"tea": 3 / 7, "milk": 2 / 7})


def test_negatives_follow_popularity_and_position_says_nothing_of_the_label():
    counts = {"tea": 1, "milk": 2, "bread": 3, "rolls": 4, "soap": 5}
    earlier = [event("ben", item, n) for item, count in counts.items() for n in range(count)]
    events = [event("anna", "soap", TRAIN + n, str(n)) for n in range(4_000)]
    requests = [request for _, request in build(events, events + earlier, negatives_per_positive=1).requests]
    drawn = [item for request in requests for item, label in labels(request).items() if not label]
    observed = [drawn.count(item) for item in ("tea", "milk", "bread", "rolls")]
    assert sum(observed) == len(requests) == 4_000
    assert chisquare(observed, 4_000 * np.array([1, 2, 3, 4]) / 10).pvalue > 1e-3
    first_is_positive = sum(request.label[0] for request in requests)
    assert abs(first_is_positive - 2_000) < 5 * np.sqrt(4_000 / 4)


def test_draws_depend_on_the_seed_the_user_and_the_time():
    earlier = [event("ben", f"i{n}", n) for n in range(50)]

    def drawn(user: str = "anna", time: int = TRAIN, seed: int = 0) -> tuple:
        events = [event(user, "i0", time)]
        ((_, request),) = build(events, events + earlier, user=user, seed=seed).requests
        return tuple(request.candidates["item_id"])

    assert drawn() == drawn()
    assert len({drawn(), drawn(user="bert"), drawn(time=TRAIN + 1), drawn(seed=1)}) == 4


def test_a_pool_is_given_where_negatives_are_sampled_and_nowhere_else():
    nothing = Popularity([], np.empty(0), np.empty(0))
    pool = SamplingPool([], np.empty(0), np.empty(0))
    for negatives, given_pool in (("sampled", None), ("exposed", pool)):
        with pytest.raises(ValueError, match=f"drawn from a pool. Received: negatives='{negatives}', pool="):
            build_requests(
                "anna",
                columns_of([]),
                tables=small_tables(),
                popularity=nothing,
                pool=given_pool,
                spec=SPEC,
                config=config(negatives=negatives),
            )


def events_of(user: str) -> st.SearchStrategy:
    return st.lists(
        st.builds(
            event,
            st.just(user),
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
@given(events_of("anna"), events_of("ben"), settings_strategy, st.randoms())
def test_requests_equal_those_of_a_slow_oracle_in_whatever_order_the_log_comes(events, of_others, changed, random):
    log = events + of_others
    shuffled, shuffled_log = random.sample(events, len(events)), random.sample(log, len(log))
    built = build(shuffled, shuffled_log, **changed)
    wanted = config(negatives="sampled", **changed)
    expected = requests_of("anna", events, categories=ITEMS, lists={}, log=log, config=wanted)
    assert [split for split, _ in built.requests] == [e["split"] for e in expected]
    for (_, request), e in zip(built.requests, expected, strict=True):
        history, candidates = request.history, request.candidates
        assert request.request_time == e["time"]
        assert list(zip(history["item_id"], history["timestamp"], history["category"], strict=True)) == e["history"]
        assert list(zip(candidates["item_id"], candidates["category"], strict=True)) == e["candidates"]
        assert request.label.tolist() == e["label"]
        np.testing.assert_allclose(candidates["popularity"], e["popularity"], rtol=1e-5)


@given(events_of("anna"), events_of("ben"))
def test_no_candidate_is_of_the_requests_week_or_later(events, of_others):
    log = events + of_others
    first_week = {e["item_id"]: e["timestamp"] // WEEK_SECONDS for e in sorted(log, key=lambda e: -e["timestamp"])}
    for _, request in build(events, log).requests:
        bought = {e["item_id"] for e in events if e["timestamp"] == request.request_time}
        week = request.request_time // WEEK_SECONDS
        assert all(first_week[item] < week for item in request.candidates["item_id"])
        assert set(request.candidates["item_id"][request.label == 1]) <= bought


@given(events_of("anna"), events_of("ben"), st.sampled_from(["exposed", "sampled"]))
def test_every_basket_is_a_request_or_counted_by_why_it_is_none(events, of_others, negatives):
    if negatives == "sampled":
        built = build(events, events + of_others)
    else:
        nothing = Popularity([], np.empty(0), np.empty(0))
        built = build_requests(
            "anna", columns_of(events), tables=small_tables(), popularity=nothing, spec=SPEC, config=config()
        )
    counts = built.counts
    reasons = ("outside_splits", "without_list", "without_listed_purchase", "without_seen_purchase")
    assert counts["baskets"] == len({(e["timestamp"], e["session_id"]) for e in events})
    assert counts["baskets"] == sum(counts[reason] for reason in reasons) + len(built.requests)
    assert sum(counts[f"{split}/requests"] for split in ("train", "eval", "test")) == len(built.requests)
    if negatives == "sampled":
        in_splits = {
            (e["timestamp"], e["session_id"], e["item_id"])
            for e in events
            if config().splits.split_of(e["timestamp"]) is not None
        }
        positives = sum(counts[f"{split}/positives"] for split in ("train", "eval", "test"))
        assert positives + counts["positives_outside_pool"] == len(in_splits)
