"""`probe_themes`: do themes help on this log? Gradient boosting answers in seconds, before anything is trained."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.table import Table
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID
from mos_tf.insight.hopping import SESSION_GAP
from mos_tf.insight.joins import affinity
from mos_tf.insight.targets import ItemLog, Targets, sample_targets
from mos_tf.layers.affinity import SECONDS_PER_DAY
from mos_tf.layers.co_occurrence import co_occurrence, cut_sessions, find_themes
from mos_tf.metrics.resampled import resampled_auc, resampled_gauc, user_weights

RESOLUTIONS = (8, 32, 128)
TOKENS_PER_THEME = 2  # themes of one token each would be the tokens themselves
ROUTING_DIM = 32
RANDOM_GROUPINGS = 3
USERS = 2000
INSTANTS = 6000  # of training and of test, each: some tens of thousands of candidates
RESAMPLES = 300


@dataclass(frozen=True)
class Gain:
    """A difference and its 95 % interval over users (paired bootstrap)."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Probe:
    """What `probe_themes` found.

    Args:
        token: the column whose values were grouped into themes.
        levels: what candidates and events were matched at, beside themes.
        num_themes: the resolutions.
        listed: whether negatives came from exposure lists; else by popularity, from what could have been seen.
        first_target: UTC seconds; themes were found before it.
        users: of the test rows.
        train_rows, test_rows: candidates.
        auc, gauc: on the test rows by `"without"`, `"themes"` and `"random"` (mean of the random groupings).
        over_without, over_random: gains of themes, by `"auc"` and `"gauc"`.
    """

    token: str
    levels: tuple[str, ...]
    num_themes: tuple[int, ...]
    listed: bool
    first_target: int
    users: int
    train_rows: int
    test_rows: int
    auc: dict[str, float]
    gauc: dict[str, float]
    over_without: dict[str, Gain]
    over_random: dict[str, Gain]

    @property
    def themes_help(self) -> bool:
        """Whether themes surely gain AUC, both over none and over random groupings: the lower bounds are above 0."""
        return self.over_without["auc"].lower > 0 and self.over_random["auc"].lower > 0

    @property
    def verdict(self) -> str:
        """One line: whether to enable themes, and the lower bounds that say so."""
        without, random = self.over_without["auc"].lower, self.over_random["auc"].lower
        return (
            f"themes {'help' if self.themes_help else 'do not surely help'} on this log where matches are "
            f"counted: AUC gains at least {without:+.4f} over no themes, {random:+.4f} over random ones"
        )

    def to_json(self) -> str:
        """Returns the same fields, and the verdict, as JSON."""
        return json.dumps({**asdict(self), "verdict": self.verdict}, indent=2, allow_nan=False)


def probe_themes(
    path: str | Path,
    *,
    token: str | None = None,
    time_scales: tuple[float, float] | None = None,
    users: int = USERS,
    seed: int = 0,
) -> Probe:
    """Tells whether learned themes add to what item and category affinity know already.

    Gradient boosting on affinity alone (`HistoryAffinity`: all, item, every category-like column) is trained three
    ways: without themes, with the affinity of learned themes, and with that of random groupings of the tokens, of the
    same sizes. Themes are found in the first half of the log's events, targets of the third quarter train and those of
    the last one test. A history ends strictly before its target's instant. Gains are paired, their intervals drawn over
    users. Matches are counted, not compared (`HistorySimilarity`), which gives a ranker without themes part of what
    themes would.

    Args:
        path: a data directory, or one events file, as `describe` takes it.
        token: the column whose values become themes; default the category-like one (`ItemLog`) with the most values,
            else the item.
        time_scales: (τ1, τ2) of affinity, in days; default 6 % and 25 % of the log's time (21 and 90 days of a year).
        users: how many to look at, drawn by seed.
        seed: of every draw.

    Raises:
        DataError: no such file or column, fewer than 16 tokens that share sessions, or no target in one of the parts.
    """
    rng = np.random.default_rng(seed)
    log = ItemLog.read(path)
    levels = {ITEM_ID: np.arange(len(log.tables.item_ids) + 1), **log.levels}
    token = token or max(log.levels, key=lambda name: log.levels[name].max(), default=ITEM_ID)
    if token not in levels:
        raise DataError(
            f"the theme token is the item or a category-like column. Received: {token!r}, not in {[*levels]}"
        )
    first_target, middle = (int(time) for time in np.quantile(log.times, [0.5, 0.75], method="higher"))
    end = int(log.times.max()) + 1
    chosen = rng.permutation(log.users.max() + 1)[:users]
    train = sample_targets(log, chosen, first_target, middle, INSTANTS, rng)
    test = sample_targets(log, chosen, middle, end, INSTANTS, rng)
    if not (len(train.labels) and len(test.labels)):
        raise DataError(
            "the probe needs targets in the third and in the last quarter of the events, each with something chosen "
            f"and something not. Received: {len(train.labels)} and {len(test.labels)} candidates"
        )
    learned, resolutions = _learn(log, levels[token], first_target, seed)
    groupings = [learned, *(_shuffled(learned, rng) for _ in range(RANDOM_GROUPINGS))]
    days = (end - int(log.times.min())) / SECONDS_PER_DAY
    both = Targets._make(np.concatenate(parts) for parts in zip(train, test, strict=True))
    codes = [*levels.values(), *(column[levels[token]] for grouping in groupings for column in grouping.T)]
    history = log.of_users(chosen)
    numbers = affinity(
        log.users[history],
        log.times[history],
        [code[log.items[history]] for code in codes],
        wanted_users=both.users,
        moments=both.times,
        wanted=[code[both.items] for code in codes],
        time_scales=time_scales or (0.06 * days, 0.25 * days),
    )
    own, width = 5 * (1 + len(levels)), 5 * len(resolutions)
    scores = [
        _boosted(np.hstack([numbers[:, :own], numbers[:, start : start + added]]), train.labels, seed)
        for start, added in [(own, 0), *((own + i * width, width) for i in range(len(groupings)))]
    ]
    comparison = compare(test.labels, test.users, scores, rng)
    return Probe(
        token=token,
        levels=tuple(levels),
        num_themes=resolutions,
        listed=log.exposures is not None,
        first_target=first_target,
        users=len(np.unique(test.users)),
        train_rows=len(train.labels),
        test_rows=len(test.labels),
        **comparison._asdict(),
    )


def table(probe: Probe) -> Table:
    """Returns the probe as a table for the terminal; `verdict` is the line that belongs below."""
    names = {"without": "without themes", "random": "random themes", "themes": "learned themes"}
    shown = Table(f"affinity of {', '.join(probe.levels)}", "AUC", "GAUC")
    for column in shown.columns[1:]:
        column.justify = "right"
    for key, name in names.items():
        shown.add_row(name, f"{probe.auc[key]:.4f}", f"{probe.gauc[key]:.4f}")
    for name, gains in (("without", probe.over_without), ("random", probe.over_random)):
        cells = (f"{gain.value:+.4f} [{gain.lower:+.4f}, {gain.upper:+.4f}]" for gain in (gains["auc"], gains["gauc"]))
        shown.add_row(f"learned - {name}", *cells)
    return shown


def _learn(log: ItemLog, token_of_item: np.ndarray, first_target: int, seed: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """Returns the themes of tokens, int [V + 1, resolutions], -1 for none and for the unknown token -1; and the K's."""
    tokens = token_of_item[log.items]
    past = (log.times < first_target) & (tokens >= 0)
    sessions = cut_sessions(log.users[past], log.times[past], SESSION_GAP)
    num_tokens = int(token_of_item.max()) + 2  # the last is that of unknown ones
    counts = co_occurrence(sessions, tokens[past], num_tokens)
    sharing = int(np.count_nonzero(counts.sum(axis=1)))
    resolutions = tuple(themes for themes in RESOLUTIONS if themes * TOKENS_PER_THEME <= sharing)
    if not resolutions:
        raise DataError(
            f"themes group tokens that share sessions; the probe needs {RESOLUTIONS[0] * TOKENS_PER_THEME} of them. "
            f"Received: {sharing}; name a finer token"
        )
    frequency = np.bincount(tokens[past], minlength=num_tokens)
    found = find_themes(counts, frequency, resolutions, ROUTING_DIM, seed).table
    return np.where(found == resolutions, -1, found), resolutions


def _shuffled(themes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Deals the same themes to other tokens: groups of the same sizes that mean nothing."""
    dealt = themes.copy()
    known = np.flatnonzero(themes[:, 0] >= 0)
    dealt[known] = themes[rng.permutation(known)]
    return dealt


def _boosted(numbers: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Trains on the first rows, those with labels, and scores the others."""
    model = HistGradientBoostingClassifier(
        learning_rate=0.1, max_iter=100, max_leaf_nodes=15, early_stopping=False, random_state=seed
    )
    with threadpool_limits(1):  # several that share busy cores wait for each other, ten times as long as they compute
        return model.fit(numbers[: len(labels)], labels).decision_function(numbers[len(labels) :])


class Comparison(NamedTuple):
    """What the scores are worth; see `Probe`."""

    auc: dict[str, float]
    gauc: dict[str, float]
    over_without: dict[str, Gain]
    over_random: dict[str, Gain]


def compare(
    labels: np.ndarray, users: np.ndarray, scores: Sequence[np.ndarray], rng: np.random.Generator
) -> Comparison:
    """Compares scores of the same rows: without themes, with learned ones, then with each random grouping.

    Args:
        labels: bool [M].
        users: int [M].
        scores: float [M] each.
        rng: draws the users of each resample; the same ones for all scores.
    """
    names, user = np.unique(users, return_inverse=True)
    weights = user_weights(len(names), RESAMPLES, rng)
    values = {
        "auc": np.array([resampled_auc(labels, score, user, weights) for score in scores]),
        "gauc": np.array([resampled_gauc(labels, score, user, weights) for score in scores]),
    }
    mean = {
        metric: {"without": value[0], "themes": value[1], "random": value[2:].mean(axis=0)}
        for metric, value in values.items()
    }

    def gains(other: str) -> dict[str, Gain]:
        return {metric: _gain(value["themes"] - value[other]) for metric, value in mean.items()}

    auc, gauc = ({name: float(value[0]) for name, value in mean[metric].items()} for metric in ("auc", "gauc"))
    return Comparison(auc, gauc, gains("without"), gains("random"))


def _gain(differences: np.ndarray) -> Gain:
    lower, upper = np.quantile(differences[1:], [0.025, 0.975])
    return Gain(float(differences[0]), float(lower), float(upper))
