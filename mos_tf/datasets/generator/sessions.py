"""`Sessions`: how many a user has, how long they are, and what each is about."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import gamma

from mos_tf.datasets.generator.catalogue import Catalogue
from mos_tf.datasets.generator.config import GeneratorConfig
from mos_tf.datasets.generator.draws import Stream, decaying, normal, roots, uniform
from mos_tf.datasets.hashing import mix
from mos_tf.insight.hopping import SESSION_GAP

_HOUR, _DAY = 3600, 86_400
_TYPICAL_SESSION = 600  # seconds left for each session when a user's pauses are fitted into the log
_SHORTEST_MEAN_PAUSE = 600


@dataclass(frozen=True)
class Sessions:
    """Sessions [S] of a chunk of users, by user, then in order of time.

    Args:
        user: position of the user in the chunk.
        number: 0.. among the user's sessions.
        length: events.
        pause: seconds between the last event of the user's session before and the first of this one; for a first
            session, between the start of the log and it.
        theme: what the session is about.
        main: the category that it is mostly about, one of the theme.
    """

    user: np.ndarray
    number: np.ndarray
    length: np.ndarray
    pause: np.ndarray
    theme: np.ndarray
    main: np.ndarray


def make_sessions(config: GeneratorConfig, catalogue: Catalogue, users: np.ndarray) -> Sessions:
    """Makes the sessions of users.

    A session keeps the theme of the one before, or resumes that of an earlier one, or begins one by popularity.
    Whom it follows is a pointer; the ends of their chains give the themes.

    Args:
        config: settings and seed.
        catalogue: what there is.
        users: int64 [U], numbers of the users.
    """
    user_key = mix(config.seed, users)
    mean = gamma.ppf(uniform(user_key, Stream.NUM_SESSIONS), config.sessions_shape)
    count = np.maximum(np.rint(mean * config.sessions_per_user / config.sessions_shape), 1).astype(np.int64)
    user = np.repeat(np.arange(len(users)), count)
    number = np.arange(len(user)) - np.repeat(np.cumsum(count) - count, count)
    key = mix(0, user_key[user], number)

    pause = _pauses(config, user_key, count, user, number, key)
    keeps = uniform(key, Stream.KEEP) < decaying(config.keep, pause, config.keep_scale_hours * _HOUR, config.keep_power)
    resumes = uniform(key, Stream.RESUME) < config.resume
    beyond = config.resume_lag / (1 + config.resume_lag)
    lag = 2 + np.floor(np.log(uniform(key, Stream.RESUME_LAG)) / np.log(beyond)).astype(np.int64) if beyond else 2
    lag = np.where(keeps, 1, np.where(resumes, lag, 0))
    lag = np.where(lag <= number, lag, 0)
    at = np.arange(len(user))
    theme = catalogue.any_theme(uniform(key, Stream.THEME))[roots(at - lag)]
    same_main = uniform(key, Stream.SAME_MAIN) < config.same_main
    main = catalogue.category_in(theme, uniform(key, Stream.MAIN))[roots(np.where(same_main, at - lag, at))]
    return Sessions(
        user=user,
        number=number,
        length=_lengths(config, uniform(key, Stream.SESSION_LENGTH)),
        pause=pause,
        theme=theme,
        main=main,
    )


def _lengths(config: GeneratorConfig, u: np.ndarray) -> np.ndarray:
    quantiles = config.session_length_quantiles
    length = np.exp(np.interp(u, list(quantiles), np.log(list(quantiles.values()))))
    return np.maximum(np.rint(length), 1).astype(np.int64)


def _pauses(
    config: GeneratorConfig,
    user_key: np.ndarray,
    count: np.ndarray,
    user: np.ndarray,
    number: np.ndarray,
    key: np.ndarray,
) -> np.ndarray:
    """Longer than a session's cut, log-normal beyond, and scaled so that a user's sessions fill most of the log."""
    beyond = np.where(number > 0, np.exp(config.session_gap_spread * normal(key, Stream.SESSION_GAP)), 0)
    span = config.days * _DAY
    wanted = span * (0.7 + 0.3 * uniform(user_key, Stream.SPAN))
    left = np.maximum(wanted - count * (SESSION_GAP + _TYPICAL_SESSION), count * _SHORTEST_MEAN_PAUSE)
    scale = left / np.maximum(np.bincount(user, weights=beyond), 1e-9)
    first = np.maximum(span - wanted, 0) * uniform(user_key, Stream.START)
    pause = np.where(number > 0, SESSION_GAP + 1 + beyond * scale[user], first[user])
    return pause.astype(np.int64)
