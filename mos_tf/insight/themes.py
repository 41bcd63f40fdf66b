"""`Themes`: what the router's themes are about, in words."""

import re
import textwrap
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from mos_tf.insight.results import ThemeTable, Training


@dataclass(frozen=True)
class Themes:
    """The themes at the resolution that routes.

    Args:
        number: K; theme K itself stands for "no theme".
        theme_of: token → theme.
        counts: token → events in training.
        load: float [K + 1], each theme's share of the routed events.
    """

    number: int
    theme_of: dict[str, int]
    counts: dict[str, int]
    load: np.ndarray

    @classmethod
    def of_run(cls, table: ThemeTable, training: Training) -> Self:
        """Joins what the run wrote about its themes; without a load, the shares of the training events."""
        key, number = str(table.routing_resolution), table.routing_resolution
        theme_of = dict(zip(table.tokens, table.themes[key], strict=False))  # the last id, unknown, has no token
        counts = dict(zip(table.tokens, table.counts, strict=False))
        load = np.zeros(number + 1)
        given = training.theme_load.get(key, [])
        load[: len(given)] = given
        return cls(number, theme_of, counts, load)

    def of(self, tokens: pd.Series) -> pd.Series:
        """Returns the theme of each token, K where it has none."""
        return tokens.map(self.theme_of).fillna(self.number).astype(int)

    def top_tokens(self, theme: int, count: int) -> list[str]:
        """Returns the theme's most frequent tokens, readable."""
        inside = [token for token, found in self.theme_of.items() if found == theme]
        inside.sort(key=lambda token: (-self.counts.get(token, 0), token))
        return [readable(token) for token in inside[:count]]

    def label(self, theme: int, width: int = 36) -> str:
        """Returns a short name: the top token, the second too if it fits; "no theme" for K."""
        if not 0 <= theme < self.number:
            return "no theme"
        first, *second = self.top_tokens(theme, 2) or ["empty"]
        both = ", ".join([first, *second])
        return both if len(both) <= width else textwrap.shorten(first, width, placeholder="…")


def readable(token: str) -> str:
    """Returns a token in sentence case, without a bracket that the source cut off.

    Example:

    >>> readable("CANDY BARS (SINGLES)(INCLUDING"), readable("BREAD:ITALIAN/FRENCH")
    ('Candy bars (singles)', 'Bread: italian/french')
    """
    text = re.sub(r"\s*\([^)]*$", "", re.sub(r":\s*", ": ", token)).strip() or token
    return text.capitalize() if text.isupper() else text
