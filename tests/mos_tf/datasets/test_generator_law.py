"""The probabilities that clicks are drawn from, against slow oracles that add up and count."""

from itertools import product

import numpy as np
import pytest

from mos_tf.datasets.generator.catalogue import Catalogue
from mos_tf.datasets.generator.clicks import Clicks
from mos_tf.datasets.generator.config import GeneratorConfig, Mode
from mos_tf.datasets.generator.draws import roots
from mos_tf.datasets.generator.impressions import make_impressions
from mos_tf.datasets.generator.sessions import make_sessions
from mos_tf.datasets.generator.tastes import Tastes

SMALL = {"num_themes": 4, "categories_per_theme": 3, "items_per_category": 5}


def made(mode=Mode.HOPPING, users=40, **settings):
    config = GeneratorConfig(mode=mode, users=users, **{**SMALL, **settings})
    catalogue = Catalogue(config)
    return config, catalogue, Clicks(config, catalogue, np.arange(users))


def test_roots_are_the_ends_of_chains():
    assert roots(np.array([0, 0, 1, 2, 4, 4])).tolist() == [0, 0, 0, 0, 4, 4]


def test_taste_draws_items_as_often_as_it_says():
    catalogue = Catalogue(GeneratorConfig(**SMALL))
    u = (np.arange(100_000) + 0.5) / 100_000
    category, taste = np.full(len(u), 7), np.full(len(u), 0.97)
    drawn = np.bincount(catalogue.item_near(category, taste, u) - 35, minlength=5) / len(u)
    expected = catalogue.probability_near(np.arange(35, 40), np.full(5, 0.97))
    assert expected.sum() == pytest.approx(1)
    assert drawn == pytest.approx(expected, abs=1e-4)


def test_a_uniform_taste_leaves_popularity():
    catalogue = Catalogue(GeneratorConfig(**SMALL))
    tastes = (np.arange(1000) + 0.5) / 1000
    mean = [catalogue.probability_near(np.full(1000, item), tastes).mean() for item in range(5)]
    assert mean == pytest.approx(catalogue.width[:5], abs=1e-4)


@pytest.mark.parametrize("mode", Mode)
def test_probabilities_of_all_items_add_up_to_one(mode):
    _, catalogue, clicks = made(mode)
    events = np.arange(0, len(clicks.item), 29)
    row, item = np.repeat(events, catalogue.num_items), np.tile(np.arange(catalogue.num_items), len(events))
    p = clicks.interests.probability(row, catalogue.category_of(item)) * clicks.item_probability(row, item)
    assert p.reshape(len(events), -1).sum(axis=1) == pytest.approx(1)


def test_repeats_count_what_the_user_clicked_before():
    config, catalogue, clicks = made(users=5)
    tastes = clicks.tastes
    for row, item in product(range(20, len(clicks.item), 31), (0, int(clicks.item[0]), int(clicks.item[-1]))):
        earlier = [n for n in range(row) if clicks.user[n] == clicks.user[row]]
        category = item // 5
        of_item = sum(clicks.item[n] == item for n in earlier)
        of_category = sum(clicks.category[n] == category for n in earlier)
        taste = tastes.at(clicks.user[[row]], np.array([category // 3]), clicks.session_number[[row]])
        near = catalogue.probability_near(np.array([item]), taste)[0]
        expected = 0.2 * of_item / of_category + 0.8 * near if of_category else near
        assert config.repeat_item == 0.2
        assert clicks.item_probability(np.array([row]), np.array([item]))[0] == pytest.approx(expected)


def test_without_a_signal_the_probability_knows_neither_theme_nor_taste_nor_session():
    config, catalogue, clicks = made(Mode.NO_SIGNAL)
    shown = make_impressions(config, catalogue, clicks)
    width = np.bincount(shown.row)
    for row in range(0, len(width), 37):
        of_list = np.flatnonzero(shown.row == row)
        if width[row] < config.list_size:
            continue  # an item drawn twice counts twice, which the list does not tell
        ratio = []
        for item in shown.item[of_list]:
            before = np.flatnonzero((clicks.user[:row] == clicks.user[row]) & (clicks.category[:row] == item // 5))
            repeat = 0.2 if len(before) else 0
            share = np.mean(clicks.item[before] == item) if len(before) else 0
            popular = catalogue.width[item]
            ratio.append((repeat * share + (1 - repeat) * popular) / (0.5 / 5 + 0.5 * popular))
        assert shown.probability[of_list] == pytest.approx(np.array(ratio) / sum(ratio))


def test_sessions_look_alike_with_and_without_a_signal():
    with_signal, without = (made(mode)[2] for mode in (Mode.HOPPING, Mode.NO_SIGNAL))
    assert (with_signal.category == without.category).all() and (with_signal.timestamp == without.timestamp).all()
    assert not (with_signal.item == without.item).all()


def test_hard_sessions_have_one_theme_and_mixed_baskets_many():
    _, catalogue, hard = made(Mode.HARD_SWITCH)
    assert (catalogue.theme_of(hard.category) == hard.sessions.theme[hard.session]).all()
    _, catalogue, mixed = made(Mode.BASKET_MIXTURE)
    assert np.mean(catalogue.theme_of(mixed.category) == mixed.sessions.theme[mixed.session]) < 0.6


def test_a_theme_that_returns_goes_on_with_the_taste_it_was_left_with():
    config = GeneratorConfig(users=200, taste_drift=0.02)
    users = np.arange(200)
    sessions = make_sessions(config, Catalogue(config), users)
    tastes = Tastes(config, users, sessions)
    taste = tastes.at(sessions.user, sessions.theme, sessions.number)
    last, steps = {}, []
    for s, (user, theme) in enumerate(zip(sessions.user, sessions.theme, strict=True)):
        if (user, theme) in last:
            left = last[user, theme]
            steps.append((taste[s] - taste[left] + 0.5) % 1 - 0.5)
            between = np.arange(sessions.number[left], sessions.number[s])
            resting = tastes.at(np.full_like(between, user), np.full_like(between, theme), between)
            assert (resting == taste[left]).all()
        last[user, theme] = s
    assert len(steps) > 500
    assert np.std(steps) == pytest.approx(0.02, rel=0.1)
    # Where each theme starts says nothing of the others.
    first = np.array(
        [
            taste[s]
            for s in {
                pair: s for s, pair in reversed(list(enumerate(zip(sessions.user, sessions.theme, strict=True))))
            }.values()
        ]
    )
    assert np.mean(first) == pytest.approx(0.5, abs=0.05) and np.std(first) == pytest.approx(12**-0.5, rel=0.1)
