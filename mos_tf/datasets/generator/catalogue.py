"""`Catalogue`: themes, their categories, and items, each with a style; and how a taste chooses among them."""

import numpy as np
import pandas as pd

from mos_tf.datasets.generator.config import GeneratorConfig, Mode
from mos_tf.datasets.generator.draws import Stream, uniform
from mos_tf.datasets.hashing import mix
from mos_tf.features import ITEM_ID


class Catalogue:
    """Items 0..M-1, contiguous by category, categories by theme.

    The items of a category share a circle, of circumference 1, in random order; an item owns an arc as long as its
    popularity in the category. A click falls at taste + e, e from a wrapped Cauchy distribution, and hits the item
    whose arc that is. So popularity is what taste gives on average over a uniform taste, and the probability of
    every item is exact: the difference of two values of the distribution function. All categories of a theme share
    one taste, a direction in the plane, so what is clicked in one of them tells of the others.

    Args:
        config: settings and seed.
    """

    def __init__(self, config: GeneratorConfig):
        self.per_theme, self.per_category = config.categories_per_theme, config.items_per_category
        self.num_categories = config.num_themes * self.per_theme
        self.num_items = self.num_categories * self.per_category
        self.profile = _zipf(self.per_theme, config.category_exponent)
        self.theme_weight = _zipf(config.num_themes, config.theme_exponent)
        self.category_weight = np.outer(self.theme_weight, self.profile).ravel()
        keys = mix(config.seed, np.arange(self.num_items))
        order = np.argsort(uniform(keys, Stream.POPULARITY).reshape(-1, self.per_category), axis=1)
        widths = _zipf(self.per_category, config.item_exponent)[order]
        ends = np.minimum(np.cumsum(widths, axis=1), 1)
        ends[:, -1] = 1
        self.width = widths.ravel()
        self._low = np.hstack([np.zeros((self.num_categories, 1)), ends[:, :-1]]).ravel()
        self._high = ends.ravel()
        self._edges = self._low + self.category_of(np.arange(self.num_items))
        rho = 0.0 if config.mode is Mode.NO_SIGNAL else config.taste_concentration
        self._spread = (1 - rho) / (1 + rho)

    def category_of(self, item: np.ndarray) -> np.ndarray:
        """Returns the categories of items."""
        return item // self.per_category

    def theme_of(self, category: np.ndarray) -> np.ndarray:
        """Returns the themes of categories."""
        return category // self.per_theme

    def any_theme(self, u: np.ndarray) -> np.ndarray:
        """Draws themes by popularity from uniform u."""
        return _draw(self.theme_weight, u)

    def any_category(self, u: np.ndarray) -> np.ndarray:
        """Draws categories by popularity from uniform u."""
        return _draw(self.category_weight, u)

    def category_in(self, theme: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Draws a category of each theme by popularity from uniform u."""
        return theme * self.per_theme + _draw(self.profile, u)

    def weight_in_theme(self, category: np.ndarray) -> np.ndarray:
        """Returns the probabilities of `category_in`."""
        return self.profile[category % self.per_theme]

    def item_near(self, category: np.ndarray, taste: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Draws an item of each category by popularity and taste (turns) from uniform u."""
        return self.item_at(category, (taste + np.arctan(self._spread * np.tan(np.pi * (u - 0.5))) / np.pi) % 1.0)

    def item_at(self, category: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Returns the item of each category whose arc holds the point `at`, in turns; by popularity if uniform."""
        found = np.searchsorted(self._edges, category + at, side="right") - 1
        return np.clip(found, category * self.per_category, (category + 1) * self.per_category - 1)

    def probability_near(self, item: np.ndarray, taste: np.ndarray) -> np.ndarray:
        """Returns the probabilities of `item_near`, given the category of the item."""
        return self._cumulative(self._high[item] - taste) - self._cumulative(self._low[item] - taste)

    def _cumulative(self, at: np.ndarray) -> np.ndarray:
        """The wrapped Cauchy distribution function around 0, going on by 1 with every turn."""
        turns = np.floor(at + 0.5)
        return turns + 0.5 + np.arctan(np.tan(np.pi * (at - turns)) / self._spread) / np.pi

    def frame(self) -> pd.DataFrame:
        """Returns item_id, name, category and true_theme of all items, strings."""
        item = np.arange(self.num_items)
        category = self.category_of(item)
        names = {
            ITEM_ID: [f"i{i}" for i in item],
            "name": [f"item {i} of category {c}" for i, c in zip(item, category, strict=True)],
            "category": [f"c{c}" for c in category],
            "true_theme": [f"t{t}" for t in self.theme_of(category)],
        }
        return pd.DataFrame(names)


def _zipf(number: int, exponent: float) -> np.ndarray:
    weights = np.arange(1, number + 1) ** -exponent
    return weights / weights.sum()


def _draw(weights: np.ndarray, u: np.ndarray) -> np.ndarray:
    return np.minimum(np.searchsorted(np.cumsum(weights), u, side="right"), len(weights) - 1)
