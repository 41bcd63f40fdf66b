"""`Clicks`: the events of a chunk of users, and the probability of any other item in their place."""

import numpy as np

from mos_tf.datasets.generator.catalogue import Catalogue
from mos_tf.datasets.generator.config import GeneratorConfig
from mos_tf.datasets.generator.draws import Stream, normal, roots, uniform
from mos_tf.datasets.generator.interests import Interests
from mos_tf.datasets.generator.sessions import make_sessions
from mos_tf.datasets.generator.tastes import Tastes
from mos_tf.datasets.hashing import mix
from mos_tf.insight.groups import changes
from mos_tf.insight.hopping import SESSION_GAP


class Clicks:
    """Events [N], by user, then in order of time; no two of a user at one second.

    An item repeats an earlier click of the user in its category with probability r, where there is one, and else is
    drawn by popularity and taste:

        P(i) = P(category of i) (r n_i / n_c + (1 - r) near(i, taste)),  r = 0 where n_c = 0

    with n_i, n_c the user's earlier clicks on the item and in its category.

    Args:
        config: settings and seed.
        catalogue: what there is.
        users: int64 [U], numbers of the users.
    """

    def __init__(self, config: GeneratorConfig, catalogue: Catalogue, users: np.ndarray):
        self._config, self._catalogue = config, catalogue
        sessions = make_sessions(config, catalogue, users)
        self.sessions, self.tastes = sessions, Tastes(config, users, sessions)
        self.session = np.repeat(np.arange(len(sessions.length)), sessions.length)
        self.user, self.session_number = sessions.user[self.session], sessions.number[self.session]
        first = changes(self.user)
        starts = np.flatnonzero(first)
        self.number = np.arange(len(self.user)) - np.repeat(starts, np.diff(starts, append=len(self.user)))
        self.key = mix(1, mix(config.seed, users)[self.user], self.number)
        pause = np.where(changes(self.session), sessions.pause[self.session], self._gaps())
        elapsed = np.cumsum(pause)
        self.timestamp = config.start + elapsed - np.repeat((elapsed - pause)[starts], np.bincount(self.user))
        self.interests = Interests(
            config, catalogue, sessions, self.session, gap=np.where(first, -1, pause), key=self.key
        )
        self.category = self.interests.category
        self.item = self._items()

    def item_probability(self, row: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Returns P(item | its category) of items [M] at events `row` [M]."""
        user, category = self.user[row], self._catalogue.category_of(item)
        of_item = _earlier(
            self.user * self._catalogue.num_items + self.item, user * self._catalogue.num_items + item, row
        )
        width = self._catalogue.num_categories
        of_category = _earlier(self.user * width + self.category, user * width + category, row)
        taste = self.tastes.at(user, self._catalogue.theme_of(category), self.session_number[row])
        near = self._catalogue.probability_near(item, taste)
        repeat = np.where(of_category > 0, self._config.repeat_item, 0)
        return repeat * of_item / np.maximum(of_category, 1) + (1 - repeat) * near

    def _gaps(self) -> np.ndarray:
        gap = np.exp(self._config.event_gap_spread * normal(self.key, Stream.EVENT_GAP))
        return np.clip(self._config.event_gap_seconds * gap, 1, SESSION_GAP).astype(np.int64)

    def _items(self) -> np.ndarray:
        taste = self.tastes.at(self.user, self._catalogue.theme_of(self.category), self.session_number)
        new = self._catalogue.item_near(self.category, taste, uniform(self.key, Stream.STYLE))
        order = np.lexsort((self.category, self.user))  # stable: in order of time inside user and category
        group = self.user[order] * self._catalogue.num_categories + self.category[order]
        start = np.flatnonzero(changes(group))
        start = np.repeat(start, np.diff(start, append=len(group)))
        at = np.arange(len(group))
        earlier = start + np.floor(uniform(self.key, Stream.REPEATED)[order] * (at - start)).astype(np.int64)
        repeats = (at > start) & (uniform(self.key, Stream.REPEAT)[order] < self._config.repeat_item)
        item = np.empty_like(new)
        item[order] = new[order][roots(np.where(repeats, earlier, at))]
        return item


def _earlier(of_event: np.ndarray, wanted: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Returns how many events before `row` [M] have the `wanted` value [M]."""
    keys = np.sort(of_event * len(of_event) + np.arange(len(of_event)))
    return np.searchsorted(keys, wanted * len(of_event) + row) - np.searchsorted(keys, wanted * len(of_event))
