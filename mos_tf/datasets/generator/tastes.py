"""`Tastes`: what a user likes in a theme, which drifts while the theme is visited and rests in between."""

import numpy as np

from mos_tf.datasets.generator.config import GeneratorConfig
from mos_tf.datasets.generator.draws import Stream, normal, uniform
from mos_tf.datasets.generator.sessions import Sessions
from mos_tf.datasets.hashing import mix

_GRAIN = 2.0**-32  # turns: sums of whole numbers are exact, whatever was summed before in the chunk


class Tastes:
    """A random walk on the circle for each user and theme, one step a session of that theme.

    A theme that returns goes on where it was left.

    Args:
        config: settings and seed.
        users: int64 [U], numbers of the users.
        sessions: theirs.
    """

    def __init__(self, config: GeneratorConfig, users: np.ndarray, sessions: Sessions):
        self._num_themes, self._longest = config.num_themes, int(sessions.number.max()) + 1
        self._user_key = mix(config.seed, users)
        user, theme, number = sessions.user, sessions.theme, sessions.number
        order = np.lexsort((number, theme, user))
        key = mix(0, self._user_key[user], number)[order]
        step = np.rint(config.taste_drift * normal(key, Stream.DRIFT) / _GRAIN).astype(np.int64)
        self._visits = self._key(user, theme, number)[order]
        walked = np.cumsum(step)
        first = np.flatnonzero(np.diff(self._visits // self._longest, prepend=-1))
        before = np.repeat((walked - step)[first], np.diff(first, append=len(walked)))
        self._walked = np.append(0, walked - before) * _GRAIN

    def at(self, user: np.ndarray, theme: np.ndarray, number: np.ndarray) -> np.ndarray:
        """Returns tastes in turns, [0, 1), where all arguments are [N].

        Args:
            user: position of the user in the chunk.
            theme: any, one that the user never visits too.
            number: which of the user's sessions; its own step is made already.
        """
        latest = np.searchsorted(self._visits, self._key(user, theme, number), side="right")
        first = np.searchsorted(self._visits, self._key(user, theme, np.zeros_like(number)))
        walked = self._walked[np.where(latest > first, latest, 0)]
        return (uniform(mix(0, self._user_key[user], theme), Stream.TASTE) + walked) % 1.0

    def _key(self, user: np.ndarray, theme: np.ndarray, number: np.ndarray) -> np.ndarray:
        return (user * self._num_themes + theme) * self._longest + number
