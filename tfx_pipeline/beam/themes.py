"""`CountTokens`: training requests → what themes are found in, on any Beam runner.

    requests → earliest of each user → events before the first target → sessions → pairs of tokens, counted

Which sessions count, and how, is what `SequenceRanker.adapt` does on one machine: `theme_sessions` and
`integer_co_occurrence`. The counts are integers, so both find the same themes to the last bit.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.pvalue import AsSingleton, PCollection
from scipy import sparse

from mos_tf.errors import DataError
from mos_tf.features import HISTORY, REQUEST_TIME, TIMESTAMP, USER_ID
from mos_tf.layers.co_occurrence import cut_sessions, from_integers, integer_co_occurrence
from mos_tf.layers.sessions import SESSION_GAP
from mos_tf.vocabulary import Vocabulary

USERS_AT_ONCE = 1024  # counted by one sparse product: fewer cost time, more memory


class Past(NamedTuple):
    """A user's history at one request: the request's time and, equally long, its events' times and token ids."""

    moment: int
    times: np.ndarray
    tokens: np.ndarray


class TokenCounts(NamedTuple):
    """How often tokens occur and meet.

    Attributes:
        integers: `integer_co_occurrence` of all sessions, int64 [V, V].
        frequency: events of each token, int64 [V].
    """

    integers: sparse.csr_matrix
    frequency: np.ndarray

    @property
    def co_occurrence(self) -> sparse.csr_matrix:
        """C as `find_themes` takes it, float64 [V, V]."""
        return from_integers(self.integers)


# Or Beam takes the tuple for a row, whose schema has no type for its arrays.
for counted in (Past, TokenCounts):
    beam.coders.registry.register_coder(counted, beam.coders.PickleCoder)


class CountTokens(beam.PTransform):
    """Counts the theme tokens of training requests, serialized as `BuildRequests` makes them.

    The result is a PCollection of one `TokenCounts`, from which `find_themes` makes the state of a `ThemeRouter`. A
    user's events are counted once, though requests repeat them: in the history of the user's earliest request, and
    of that what came before `theme_start`. Unknown tokens count nothing.

    Memory: a worker holds the histories of 1024 users and at most V² counts; so does the one that adds them up.

    Args:
        token: the feature whose values become themes.
        vocabulary: of that feature; V is its `num_ids`.
        session_gap: seconds without an event after which a new session begins.
        theme_start: UTC seconds; default the first request's time.

    Raises:
        DataError: in the run, there is no request, or one that is none.
    """

    def __init__(
        self, token: str, vocabulary: Vocabulary, session_gap: int = SESSION_GAP, theme_start: int | None = None
    ):
        super().__init__()
        self._token, self._vocabulary = token, vocabulary
        self._session_gap, self._theme_start = session_gap, theme_start

    def expand(self, requests: PCollection) -> PCollection:
        """Builds the graph drawn above."""
        pasts = (
            requests
            | "Past" >> beam.Map(_past, self._token, self._vocabulary)
            | "Earliest" >> beam.CombinePerKey(_earliest)
            | "WithoutUser" >> beam.Values()
        )
        first = pasts | "Moment" >> beam.Map(_moment) | "FirstTarget" >> beam.CombineGlobally(_first)
        start = AsSingleton(first) if self._theme_start is None else self._theme_start
        num_tokens = self._vocabulary.num_ids
        return (
            pasts
            | "Batch" >> beam.BatchElements(min_batch_size=USERS_AT_ONCE, max_batch_size=USERS_AT_ONCE)
            | "Count" >> beam.Map(_count, start, self._session_gap, num_tokens)
            | "Add" >> beam.CombineGlobally(_add, num_tokens)
        )


def _past(serialized: bytes, token: str, vocabulary: Vocabulary) -> tuple[bytes, Past]:
    features = tf.train.Example.FromString(serialized).features.feature
    missing = [key for key in (USER_ID, REQUEST_TIME) if key not in features]
    if missing:
        raise DataError(f"themes are found in requests, which have a user and a time. Missing: {missing}")
    values = features[HISTORY + token].bytes_list.value
    past = Past(
        moment=features[REQUEST_TIME].int64_list.value[0],
        times=np.array(features[HISTORY + TIMESTAMP].int64_list.value, np.int64),
        tokens=vocabulary.ids(value.decode() for value in values),
    )
    if len(past.times) != len(past.tokens):
        raise DataError(
            f"an event has a time and a {token}. Received: {HISTORY + TIMESTAMP}={len(past.times)}, "
            f"{HISTORY + token}={len(past.tokens)} in a request at {past.moment}"
        )
    return features[USER_ID].bytes_list.value[0], past


def _moment(past: Past) -> int:
    return past.moment


def _earliest(pasts: Iterable[Past]) -> Past:
    return min(pasts, key=_moment)


def _first(moments: Iterable[int]) -> int:
    first = min(moments, default=None)
    if first is None:
        raise DataError("themes are found in training requests. Received: not one")
    return first


def _count(pasts: Sequence[Past], start: int, session_gap: int, num_tokens: int) -> TokenCounts:
    users = np.repeat(np.arange(len(pasts)), [len(past.times) for past in pasts])
    times = np.concatenate([past.times for past in pasts])
    tokens = np.concatenate([past.tokens for past in pasts])
    before = times < start
    users, times, tokens = users[before], times[before], tokens[before]
    sessions = cut_sessions(users, times, session_gap)
    known = tokens < num_tokens - 1
    return TokenCounts(
        integer_co_occurrence(sessions[known], tokens[known], num_tokens),
        np.bincount(tokens[known], minlength=num_tokens),
    )


def _add(parts: Iterable[TokenCounts], num_tokens: int) -> TokenCounts:
    integers = sparse.csr_matrix((num_tokens, num_tokens), dtype=np.int64)
    frequency = np.zeros(num_tokens, np.int64)
    for part in parts:
        integers, frequency = integers + part.integers, frequency + part.frequency
    return TokenCounts(integers, frequency)
