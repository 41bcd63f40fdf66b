"""How good themes are, whatever they were found by: agreement, coherence of sessions, load, stability over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import entropy
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from mos_tf.features import TIMESTAMP, USER_ID
from mos_tf.insight.hopping import session_hopping
from mos_tf.study.routed_events import RoutedEvents

DRAWS = 3  # of random themes, for each seed
_HARDLY_USED = 0.1  # of an even share of the load


@dataclass(frozen=True)
class Figure:
    """One figure of the themes of a resolution.

    Args:
        by_seed: of each seed, or of each pair of seeds.
        random: of themes of the same sizes whose tokens are drawn by chance; mean over draws.
    """

    by_seed: tuple[float, ...]
    random: float

    @property
    def value(self) -> float:
        """Mean over seeds."""
        return float(np.mean(self.by_seed))


def judge(events: RoutedEvents, columns: Sequence[np.ndarray], num_themes: int) -> dict[str, Figure]:
    """Returns the figures of themes found with several seeds, beside those of random themes of the same sizes.

    Args:
        events: to judge on.
        columns: for each of two or more seeds the theme of every token, int [ids]; `num_themes` where it has none.
        num_themes: K.
    """
    drawn = [
        [shuffled(column, num_themes, np.random.default_rng([seed, draw])) for draw in range(DRAWS)]
        for seed, column in enumerate(columns)
    ]
    found = [figures(events, column[events.tokens], num_themes) for column in columns]
    by_chance = [figures(events, column[events.tokens], num_themes) for of_seed in drawn for column in of_seed]
    pairs = [stability(events, one, other, num_themes) for one, other in combinations(columns, 2)]
    pairs_by_chance = [
        stability(events, one, other, num_themes)
        for draws in combinations(drawn, 2)
        for one, other in zip(*draws, strict=True)
    ]
    return _joined(found, by_chance) | _joined(pairs, pairs_by_chance)


def _joined(found: Sequence[dict[str, float]], by_chance: Sequence[dict[str, float]]) -> dict[str, Figure]:
    return {
        name: Figure(tuple(of[name] for of in found), float(np.mean([of[name] for of in by_chance])))
        for name in found[0]
    }


def figures(events: RoutedEvents, themes: np.ndarray, num_themes: int) -> dict[str, float]:
    """Returns the figures of one routing of the events.

        NMI(z, y) = 2 I(z; y) / (H(z) + H(y))        purity(z, y) = 1/N Σ_k max_j n_kj        f_k = n_k / N

    with n_kj events of theme k and group j. Sessions are told by pauses; what two events share is counted as
    `session_hopping` does. Events without a theme count in their own share alone.

    Args:
        events: N of them.
        themes: int [N]; K where there is none.
        num_themes: K, at least 2.

    Returns:
        `NMI` and `purity` by group; the probability that two events share a theme that are neighbours in one
        `session`, neighbours `across sessions`, or any two of `the same user`; the `top theme` of a session's mean
        share of it; the themes that are `dead`, and those `under 0.1/K` of the load f; `entropy` of f over log K; and
        the share of events `without a theme`.
    """
    routed = themes < num_themes
    known = themes[routed]
    agreement = {}
    for name, group in events.groups.items():
        agreement[f"NMI, {name}"] = float(normalized_mutual_info_score(group[routed], known))
        agreement[f"purity, {name}"] = float(contingency_matrix(group[routed], known).max(axis=0).sum() / len(known))
    frame = pd.DataFrame({USER_ID: events.users[routed], TIMESTAMP: events.times[routed], "theme": known})
    hopping = session_hopping(frame, "theme")
    load = np.bincount(known, minlength=num_themes) / len(known)
    return {
        **agreement,
        "session": hopping.same_session,
        "across sessions": hopping.across_sessions,
        "same user": hopping.random_same_user,
        "top theme": hopping.focus.top_share,
        "dead": float(np.sum(load == 0)),
        "under 0.1/K": float(np.sum(load < _HARDLY_USED / num_themes)),
        "entropy": float(entropy(load) / np.log(num_themes)),
        "without a theme": float(np.mean(~routed)),
    }


def stability(events: RoutedEvents, one: np.ndarray, other: np.ndarray, num_themes: int) -> dict[str, float]:
    """Returns the NMI and the adjusted Rand index of two tables' themes, int [ids], over events that have both."""
    a, b = one[events.tokens], other[events.tokens]
    both = (a < num_themes) & (b < num_themes)
    return {
        "NMI of two seeds": float(normalized_mutual_info_score(a[both], b[both])),
        "ARI of two seeds": float(adjusted_rand_score(a[both], b[both])),
    }


def shuffled(themes: np.ndarray, num_themes: int, rng: np.random.Generator) -> np.ndarray:
    """Returns the themes of tokens, int [ids], dealt anew among the tokens that have one."""
    routed = themes < num_themes
    dealt = themes.copy()
    dealt[routed] = rng.permutation(themes[routed])
    return dealt
