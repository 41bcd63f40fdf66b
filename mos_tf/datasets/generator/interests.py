"""`Interests`: what every event is about, and how probable each category is for it."""

import numpy as np

from mos_tf.datasets.generator.catalogue import Catalogue
from mos_tf.datasets.generator.config import GeneratorConfig, Mode
from mos_tf.datasets.generator.draws import Stream, decaying, uniform
from mos_tf.datasets.generator.sessions import Sessions
from mos_tf.insight.groups import changes, counts
from mos_tf.insight.hopping import SESSION_GAP


class Interests:
    """The law of the category of every event [N] of a chunk.

    With probability s, which decays with the time since the event before, an event stays in that one's category;
    otherwise it draws from the session's main category, from its theme, or from everything:

        P(c) = s 1[c = c_before] + (1 - s) (a 1[c = main] + (1 - a - b) w_c 1[theme of c = theme] + b W_c)

    In `basket_mixture` s = 0, and 1[c = main], 1[theme of c = theme] are their means over all events of the user.

    Attributes `category` and `theme` are int64 [N]: what was clicked, and what the event is about.

    Args:
        config: settings.
        catalogue: what there is.
        sessions: of the chunk.
        session: int64 [N], position of each event's session.
        gap: int64 [N], seconds since the user's event before; -1 for a first event.
        key: uint64 [N], of each event's draws.
    """

    def __init__(
        self,
        config: GeneratorConfig,
        catalogue: Catalogue,
        sessions: Sessions,
        session: np.ndarray,
        gap: np.ndarray,
        key: np.ndarray,
    ):
        self._catalogue, self._sessions, self._key = catalogue, sessions, key
        self._mixed = config.mode is Mode.BASKET_MIXTURE
        hard = config.mode is Mode.HARD_SWITCH
        self._main_share = config.main_share
        self._stray_share = 0.0 if hard else config.stray_share
        self._user = sessions.user[session]
        self._session = session
        self._first_event = np.flatnonzero(changes(self._user))[self._user]
        self._num_events = np.bincount(self._user)[self._user]
        follows = (gap >= 0) & ~self._mixed & ~(hard & (gap > SESSION_GAP))
        self._stay = np.where(follows, decaying(config.stay, gap, config.stay_scale_seconds, config.stay_power), 0)
        rows = np.arange(len(key))
        of_event = self._any_session(rows, uniform(key, Stream.MIXTURE)) if self._mixed else session
        self.theme, self._main = sessions.theme[of_event], sessions.main[of_event]
        self.category = self._clicked_categories()
        self._before = np.append(self.category[:1], self.category[:-1])

    def draw(self, row: np.ndarray, key: np.ndarray) -> np.ndarray:
        """Draws categories by the same law for events `row` [M], given what was clicked before each."""
        stays = uniform(key, Stream.SHOWN_INTEREST) < self._stay[row]
        own = self._begun(row, key, Stream.SHOWN_SOURCE, Stream.SHOWN_CATEGORY)
        return np.where(stays, self._before[row], own)

    def probability(self, row: np.ndarray, category: np.ndarray) -> np.ndarray:
        """Returns the probability of the categories [M] at events `row` [M], given what was clicked before each."""
        main, theme = self._focus(row, category)
        begun = (
            self._main_share * main
            + (1 - self._main_share - self._stray_share) * theme * self._catalogue.weight_in_theme(category)
            + self._stray_share * self._catalogue.category_weight[category]
        )
        stay = self._stay[row]
        return stay * (category == self._before[row]) + (1 - stay) * begun

    def shown_theme(self, row: np.ndarray, key: np.ndarray) -> np.ndarray:
        """Returns themes by the law of `theme_share` for events `row` [M], independent of what was clicked."""
        if not self._mixed:
            return self.theme[row]
        return self._sessions.theme[self._any_session(row, uniform(key, Stream.SHOWN_SOURCE))]

    def theme_share(self, row: np.ndarray, theme: np.ndarray) -> np.ndarray:
        """Returns how probable it is that events `row` [M] have these themes; 0 or 1 but in `basket_mixture`."""
        if self._mixed:
            return self._share_of_user(row, self._sessions.theme, theme)
        return (self.theme[row] == theme).astype(float)

    def _clicked_categories(self) -> np.ndarray:
        """Draws the category of every event's click [N]."""
        own = self._begun(np.arange(len(self._key)), self._key, Stream.SOURCE, Stream.CATEGORY)
        stays = uniform(self._key, Stream.STAY) < self._stay
        return own[np.maximum.accumulate(np.where(stays, 0, np.arange(len(own))))]

    def _focus(self, row: np.ndarray, category: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        theme = self.theme_share(row, self._catalogue.theme_of(category))
        if self._mixed:
            return self._share_of_user(row, self._sessions.main, category), theme
        return (self._main[row] == category).astype(float), theme

    def _share_of_user(self, row: np.ndarray, of_session: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Returns which share of the user's events lie in sessions that have the value."""
        users, values, count = counts(self._user, of_session[self._session])
        width = self._catalogue.num_categories
        keys, wanted = users * width + values, self._user[row] * width + value
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[at] == wanted, count[at], 0) / self._num_events[row]

    def _any_session(self, row: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Returns the session of a random event of the user of each event."""
        return self._session[self._first_event[row] + np.floor(u * self._num_events[row]).astype(np.int64)]

    def _begun(self, row: np.ndarray, key: np.ndarray, source: Stream, category: Stream) -> np.ndarray:
        """Draws categories that do not follow the event before."""
        u, v = uniform(key, source), uniform(key, category)
        inside = np.where(u < self._main_share, self._main[row], self._catalogue.category_in(self.theme[row], v))
        return np.where(u > 1 - self._stray_share, self._catalogue.any_category(v), inside)
