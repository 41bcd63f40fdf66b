"""`Impressions`: for every click the list that was shown, and how probable each of its items was to be clicked."""

from dataclasses import dataclass

import numpy as np

from mos_tf.datasets.generator.catalogue import Catalogue
from mos_tf.datasets.generator.clicks import Clicks
from mos_tf.datasets.generator.config import GeneratorConfig, Mode
from mos_tf.datasets.generator.draws import Stream, uniform
from mos_tf.datasets.hashing import mix

_EVEN = 0.5  # share of shown items that are drawn without regard to popularity, which so tells of clicks


@dataclass(frozen=True)
class Impressions:
    """Shown items [M], by click, ascending inside a list; no item twice.

    Args:
        row: the click whose list it is.
        item: what was shown.
        probability: of being the one clicked, given the list, the user's clicks before and all that is hidden:
            interest, taste. They sum to 1 in a list.
        label: whether it was: each list has one.
    """

    row: np.ndarray
    item: np.ndarray
    probability: np.ndarray
    label: np.ndarray


def make_impressions(config: GeneratorConfig, catalogue: Catalogue, clicks: Clicks) -> Impressions:
    """Shows every click among `list_size` - 1 draws from what else might have been shown.

    The clicked item comes from P, the others from Q, and the list does not tell which: by Bayes' theorem x_j is the
    click with probability

        p_j = (P(x_j) / Q(x_j)) / sum_k P(x_k) / Q(x_k)

    so labels are draws of these probabilities, one Categorical draw a list and Bernoulli(p_j) for every item. Equal
    draws of one list become one shown item with the sum of their probabilities.

    Q takes the category from everything or, with `hard_negatives`, from a theme of the same interest, and half of
    the items in it by popularity, half evenly. In `no_signal` the category comes from the law of clicks itself, and
    cancels.
    """
    others = config.list_size - 1
    row = np.repeat(np.arange(len(clicks.item)), others)
    key = mix(2, clicks.key[row], np.tile(np.arange(others), len(clicks.item)))
    shown = np.column_stack([clicks.item, _other_items(config, catalogue, clicks, row, key).reshape(-1, others)])
    row = np.repeat(np.arange(len(shown)), config.list_size)
    ratio = _ratio(config, catalogue, clicks, row, shown.ravel()).reshape(shown.shape)
    order = np.argsort(shown, axis=1, kind="stable")
    shown = np.take_along_axis(shown, order, axis=1)
    probability = np.take_along_axis(ratio / ratio.sum(axis=1, keepdims=True), order, axis=1)
    new = np.diff(shown, axis=1, prepend=-1).ravel() > 0
    item = shown.ravel()[new]
    return Impressions(
        row=row[new],
        item=item,
        probability=np.add.reduceat(probability.ravel(), np.flatnonzero(new)),
        label=item == clicks.item[row[new]],
    )


def _other_items(
    config: GeneratorConfig, catalogue: Catalogue, clicks: Clicks, row: np.ndarray, key: np.ndarray
) -> np.ndarray:
    if config.mode is Mode.NO_SIGNAL:
        category = clicks.interests.draw(row, key)
    else:
        theme = clicks.interests.shown_theme(row, key)
        u = uniform(key, Stream.SHOWN_CATEGORY)
        hard = uniform(key, Stream.SHOWN_KIND) < config.hard_negatives
        category = np.where(hard, catalogue.category_in(theme, u), catalogue.any_category(u))
    u = uniform(key, Stream.SHOWN_ITEM)
    even = category * catalogue.per_category + np.floor(u / _EVEN * catalogue.per_category).astype(np.int64)
    popular = catalogue.item_at(category, (u - _EVEN) / (1 - _EVEN))
    return np.where(u < _EVEN, even, popular)


def _ratio(
    config: GeneratorConfig, catalogue: Catalogue, clicks: Clicks, row: np.ndarray, item: np.ndarray
) -> np.ndarray:
    """P / Q of items [M] at events `row` [M]."""
    category = catalogue.category_of(item)
    shown = _EVEN / catalogue.per_category + (1 - _EVEN) * catalogue.width[item]
    ratio = clicks.item_probability(row, item) / shown
    if config.mode is Mode.NO_SIGNAL:
        return ratio
    in_theme = clicks.interests.theme_share(row, catalogue.theme_of(category)) * catalogue.weight_in_theme(category)
    by_category = (1 - config.hard_negatives) * catalogue.category_weight[category] + config.hard_negatives * in_theme
    return ratio * clicks.interests.probability(row, category) / by_category
