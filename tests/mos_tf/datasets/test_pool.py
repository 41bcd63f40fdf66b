from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from mos_tf.datasets import pool as pool_module
from mos_tf.datasets.pool import SamplingPool
from mos_tf.datasets.tables import WEEK_SECONDS, weekly_counts
from tests.support.request_oracle import drawn, past_of

# Bought in week 0, week 1 and week 2: tea 5, 1, 0; milk 2, 0, 1; jam 0, 3, 0; cake 0, 0, 9.
COUNTS = (["tea", "milk", "tea", "jam", "milk", "cake"], [0, 0, 1, 1, 2, 2], [5, 2, 1, 3, 1, 9])
NOBODY = np.empty(0, np.int64)


def items(pool, codes):
    return pool.item_ids[codes].tolist()


def everything(pool, week):
    return sorted(items(pool, pool.draw(99, week * WEEK_SECONDS, without=NOBODY, seeds=(0,))))


def test_a_weeks_pool_is_what_had_an_event_in_an_earlier_week():
    pool = SamplingPool(*COUNTS)
    assert [everything(pool, week) for week in range(4)] == [
        [],
        ["milk", "tea"],
        ["jam", "milk", "tea"],
        ["cake", "jam", "milk", "tea"],
    ]
    last_second_of_week_1 = pool.codes(["tea", "jam", "cake", "rice"], 2 * WEEK_SECONDS - 1)
    assert (last_second_of_week_1 >= 0).tolist() == [True, False, False, False]
    first_second_of_week_2 = pool.codes(["tea", "jam", "cake", "rice"], 2 * WEEK_SECONDS)
    assert (first_second_of_week_2 >= 0).tolist() == [True, True, False, False]
    assert items(pool, first_second_of_week_2[:2]) == ["tea", "jam"]


def test_a_pool_of_nothing_has_nothing_to_draw():
    pool = SamplingPool([], np.empty(0), np.empty(0))
    assert pool.codes(["tea"], WEEK_SECONDS).tolist() == [-1]
    assert pool.draw(3, WEEK_SECONDS, without=NOBODY, seeds=(0,)).tolist() == []


def test_draws_are_distinct_and_leave_out_what_they_shall():
    pool = SamplingPool(*COUNTS)
    without = pool.codes(["tea"], 2 * WEEK_SECONDS)
    for seed in range(50):
        one = pool.draw(1, 2 * WEEK_SECONDS, without=without, seeds=(seed,))
        both = pool.draw(7, 2 * WEEK_SECONDS, without=without, seeds=(seed,))
        assert len(one) == 1 and sorted(items(pool, both)) == ["jam", "milk"]
    assert pool.draw(0, 2 * WEEK_SECONDS, without=without, seeds=(0,)).tolist() == []


def test_one_draw_follows_the_counts_of_earlier_weeks():
    pool = SamplingPool(*COUNTS)
    draws = [pool.draw(1, 2 * WEEK_SECONDS, without=NOBODY, seeds=(seed,))[0] for seed in range(4_000)]
    observed = [items(pool, draws).count(item) for item in ("tea", "milk", "jam")]
    # Before week 2: tea 5 + 1, milk 2, jam 3, of 11.
    assert sum(observed) == 4_000
    assert chisquare(observed, 4_000 * np.array([6, 2, 3]) / 11).pvalue > 1e-3


@pytest.mark.parametrize("draws_per_item", [1, 4])
def test_draws_without_replacement_have_the_odds_of_successive_sampling(monkeypatch, draws_per_item):
    # With one draw for each item most runs need several rounds, which must not change the odds.
    monkeypatch.setattr(pool_module, "_DRAWS_PER_ITEM", draws_per_item)
    # Both events of cake stand at even places: a round that took the hashes of the one before would favour jam.
    pool = SamplingPool(["cake", "jam", "cake", "milk", "tea"], [0, 0, 1, 1, 1], [1, 1, 1, 3, 2])
    counts = {"cake": 2, "jam": 1, "milk": 3}
    tea = pool.codes(["tea"], 2 * WEEK_SECONDS)
    pairs = [tuple(items(pool, pool.draw(2, 2 * WEEK_SECONDS, without=tea, seeds=(seed,)))) for seed in range(6_000)]
    expected = {(a, b): counts[a] / 6 * counts[b] / (6 - counts[a]) for a, b in permutations(counts, 2)}
    observed = [pairs.count(pair) for pair in expected]
    assert sum(observed) == 6_000
    assert chisquare(observed, 6_000 * np.array(list(expected.values()))).pvalue > 1e-3


def test_a_rare_item_beside_a_favourite_is_found_without_many_draws():
    pool = SamplingPool(["tea", "jam", "milk"], [0, 0, 0], [10**12, 1, 1])
    assert everything(pool, 1) == ["jam", "milk", "tea"]
    tea = pool.codes(["tea"], WEEK_SECONDS)
    assert sorted(items(pool, pool.draw(2, WEEK_SECONDS, without=tea, seeds=(0,)))) == ["jam", "milk"]


log_strategy = st.lists(
    st.builds(
        lambda item, time: {"item_id": item, "timestamp": time},
        st.sampled_from(["tea", "milk", "jam", "cake", "rice", "fig"]),
        st.integers(0, 5 * WEEK_SECONDS),
    ),
    max_size=60,
)


@given(
    log_strategy,
    log_strategy,
    st.sets(st.sampled_from(["tea", "jam", "plum"])),
    st.integers(0, 7),
    st.integers(0, 6 * WEEK_SECONDS),
    st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 9)),
)
def test_a_pool_equals_a_list_of_all_earlier_events_and_parts_may_come_in_any_order(
    one, other, without, count, time, seeds
):
    parts = [
        weekly_counts(
            np.array([e["item_id"] for e in part], dtype=object),
            np.array([e["timestamp"] for e in part], dtype=np.int64),
            9 * WEEK_SECONDS,
        )
        for part in (one, other)
    ]
    past = past_of(one + other, time)
    expected = drawn(past, count, without & set(past), seeds)
    for ordered in (parts, parts[::-1]):
        pool = SamplingPool(*(np.concatenate(columns) for columns in zip(*ordered, strict=True)))
        codes = pool.codes(sorted(without), time)
        assert set(items(pool, codes[codes >= 0])) == without & set(past)
        found = pool.draw(count, time, without=codes, seeds=seeds)
        assert items(pool, found) == expected
