"""What a ranker learns of its training requests before the first step: themes, priors and quantiles of numbers."""

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from mos_tf.errors import DataError
from mos_tf.features import CANDIDATE, HISTORY, REQUEST_TIME, TIMESTAMP, USER_ID
from mos_tf.layers.sessions import SESSION_GAP
from mos_tf.models.scoring import ScoringModel

MAX_CANDIDATES = 200_000


def adapt_ranker(ranker: ScoringModel, batches: Iterable, theme_start: int | None = None) -> None:
    """Sets a ranker's themes, priors and quantiles from (features, label) of training requests, and says so."""
    if ranker.router and (ranker.found_themes or not ranker.router.adapted):
        sessions, tokens = theme_sessions(batches, ranker.spec.theme_token, ranker.session_gap, theme_start)
        ranker.router.adapt(sessions, tokens)
        ranker.found_themes = True
        print(
            f"{ranker.name}: adapted {'/'.join(map(str, ranker.router.num_themes))} themes of "
            f"{ranker.spec.theme_token} on {len(tokens):,} events in {len(np.unique(sessions)):,} sessions",
            flush=True,
        )
    priors = ranker.candidate_numbers.priors
    if priors is not None:
        priors.forget()
        for features, label in batches:
            told = ranker.with_item_features(features)
            ids = {name: told[CANDIDATE + name].flat_values.numpy() for name in priors.num_ids}
            users = tf.gather(features[USER_ID], label.value_rowids()).numpy()
            priors.count(ids, users, label.flat_values.numpy())
    compute = tf.function(lambda features: ranker.numbers(features, training=True), reduce_retracing=True)
    numbers = number_sample(batches, compute)
    ranker.head.adapt(numbers)
    print(f"{ranker.name}: adapted quantiles of {numbers.shape[1]} numbers on {len(numbers):,} candidates", flush=True)


def theme_sessions(
    batches: Iterable, token: str, session_gap: int = SESSION_GAP, theme_start: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the sessions that themes are found in, each once though requests repeat a user's events.

    Of each user only the history of the earliest training request counts, and of that only events before
    `theme_start`, so that routing is known before the first training target.

    Args:
        batches: (features, label) of training requests.
        token: name of the theme token.
        session_gap: seconds without an event after which a new session begins.
        theme_start: UTC seconds; default the first training request's time.

    Returns:
        (sessions, tokens): int64 [N], sessions unique over users.

    Raises:
        DataError: the requests carry no timestamps, or no history at all.
    """
    earliest: dict[int, tuple[int, np.ndarray, np.ndarray]] = {}
    for features, _ in batches:
        if HISTORY + TIMESTAMP not in features:
            raise DataError(
                f"themes are found in sessions, which {HISTORY + TIMESTAMP} tells. Received: {sorted(features)}"
            )
        splits = features[HISTORY + TIMESTAMP].row_splits.numpy()
        times = features[HISTORY + TIMESTAMP].flat_values.numpy()
        tokens = features[HISTORY + token].flat_values.numpy()
        users, moments = features[USER_ID].numpy().tolist(), features[REQUEST_TIME].numpy().tolist()
        for row, (user, moment) in enumerate(zip(users, moments, strict=True)):
            if user not in earliest or moment < earliest[user][0]:
                part = slice(splits[row], splits[row + 1])
                earliest[user] = (moment, times[part], tokens[part])
    if not earliest:
        raise DataError("themes are found in training requests. Received: an empty dataset")
    start = min(moment for moment, _, _ in earliest.values()) if theme_start is None else theme_start
    # Ordered by user, so that the themes do not depend on the order of the requests.
    histories = [(times[times < start], tokens[times < start]) for _, (_, times, tokens) in sorted(earliest.items())]
    lengths = [len(times) for times, _ in histories]
    times = np.concatenate([times for times, _ in histories])
    new_user = np.zeros(len(times), bool)
    new_user[[start for start, length in zip(np.cumsum([0, *lengths[:-1]]), lengths, strict=True) if length]] = True
    sessions = np.cumsum(new_user | (np.diff(times, prepend=times[:1]) > session_gap))
    return sessions, np.concatenate([tokens for _, tokens in histories])


def number_sample(batches: Iterable, numbers: Callable[[dict], tf.Tensor]) -> np.ndarray:
    """Returns the numbers of the first candidates of training requests, float32 [at most MAX_CANDIDATES, J]."""
    rows, total = [], 0
    for features, _ in batches:
        rows.append(numbers(features).numpy())
        total += len(rows[-1])
        if total >= MAX_CANDIDATES:
            break
    if not total:
        raise DataError("quantiles are taken of training candidates. Received: no candidate in the dataset")
    return np.concatenate(rows)
