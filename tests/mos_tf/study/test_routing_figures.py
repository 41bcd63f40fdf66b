import math

import numpy as np
import pytest

from mos_tf.study.routed_events import RoutedEvents
from mos_tf.study.routing_figures import DRAWS, figures, judge, shuffled, stability

# Two sessions of one user, and one of another.
USERS = np.array([7, 7, 7, 7, 8])
TIMES = np.array([0, 60, 7200, 7260, 0])


def events(groups=(0, 1, 1, 1, 1), tokens=(0, 1, 2, 3, 3)):
    return RoutedEvents(USERS[: len(tokens)], TIMES[: len(tokens)], np.array(tokens), {"aisle": np.array(groups)})


def test_agreement_is_that_of_the_counts_of_events():
    found = figures(events(), np.array([0, 0, 1, 1, 1]), 2)
    # One of the two events of theme 0 and all three of theme 1 are of the larger group.
    information = 0.2 * math.log(0.2 / (0.4 * 0.2)) + 0.2 * math.log(0.2 / (0.4 * 0.8)) + 0.6 * math.log(0.6 / 0.48)
    entropies = [-sum(p * math.log(p) for p in shares) for shares in ((0.4, 0.6), (0.2, 0.8))]
    assert found["NMI, aisle"] == pytest.approx(2 * information / sum(entropies))
    assert found["purity, aisle"] == pytest.approx((1 + 3) / 5)


def test_sessions_are_coherent_where_neighbours_share_a_theme():
    found = figures(events(), np.array([0, 0, 1, 0, 1]), 2)
    assert found["session"] == pytest.approx(1 / 2)  # of the pairs in the two sessions, the first alone
    assert found["across sessions"] == 0
    assert found["same user"] == pytest.approx(3 / 6)  # of the pairs of user 7: 0-1, 0-3, 1-3


def test_the_top_theme_of_long_sessions_has_its_share():
    one_session = RoutedEvents(np.zeros(5, int), np.arange(5), np.arange(5), {})
    assert figures(one_session, np.array([0, 0, 0, 1, 2]), 3)["top theme"] == pytest.approx(3 / 5)


def test_load_tells_of_dead_and_hardly_used_themes_and_is_even_at_one():
    one, many = np.zeros(1, int), np.ones(99, int)
    log = RoutedEvents(np.zeros(100, int), np.arange(100), np.zeros(100, int), {})
    found = figures(log, np.concatenate([one, many]), 4)
    assert (found["dead"], found["under 0.1/K"]) == (2, 3)  # 0.01 < 0.1 / 4
    assert found["entropy"] == pytest.approx(-(0.01 * math.log(0.01) + 0.99 * math.log(0.99)) / math.log(4))
    assert figures(log, np.arange(100) % 4, 4)["entropy"] == pytest.approx(1)


def test_what_has_no_theme_counts_in_its_own_share_alone():
    with_none = figures(events(), np.array([0, 2, 1, 1, 1]), 2)
    assert with_none["without a theme"] == pytest.approx(1 / 5)
    assert with_none["NMI, aisle"] == with_none["purity, aisle"] == pytest.approx(1)
    assert with_none["session"] == 1  # the pair that is left


def test_tables_are_as_stable_as_their_events_agree():
    one, other = np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])
    assert stability(events(), one, other, 2) == {"NMI of two seeds": 1.0, "ARI of two seeds": 1.0}
    # Pairs of events together: in `one` 0-1 and the three of 2, 3, 3; in `third` the four from 1 on: 3 in both.
    third = np.array([0, 1, 1, 1])
    expected, together = 4 * 6 / 10, 3
    found = stability(events(), one, third, 2)["ARI of two seeds"]
    assert found == pytest.approx((together - expected) / ((4 + 6) / 2 - expected))
    assert stability(events(), one, np.array([2, 1, 0, 0]), 2)["ARI of two seeds"] == 1  # of those that both route


def test_random_themes_have_the_sizes_of_the_found_ones_and_leave_out_what_has_none():
    themes = np.array([0, 0, 0, 1, 2, 2])
    dealt = shuffled(themes, 2, np.random.default_rng(0))
    assert sorted(dealt[:4]) == [0, 0, 0, 1] and dealt[4:].tolist() == [2, 2]
    assert {tuple(shuffled(themes, 2, np.random.default_rng(seed))[:4]) for seed in range(50)} == {
        tuple(np.eye(4, dtype=int)[place]) for place in range(4)
    }


def test_figures_of_every_seed_stand_beside_the_mean_of_random_ones():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 40, 4000)
    log = RoutedEvents(rng.integers(0, 50, 4000), rng.integers(0, 10**6, 4000), tokens, {"truth": tokens // 10})
    exact = np.arange(40) // 10
    judged = judge(log, [exact, exact[::-1]], 4)
    assert judged["NMI, truth"].by_seed == pytest.approx((1, 1))
    assert judged["NMI of two seeds"].by_seed == pytest.approx((1,))
    assert judged["NMI, truth"].random < 0.3 and judged["NMI of two seeds"].random < 0.3
    assert judged["entropy"].random == pytest.approx(judged["entropy"].value, abs=0.01)
    assert DRAWS >= 3
