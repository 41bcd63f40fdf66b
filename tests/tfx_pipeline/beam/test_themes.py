from collections.abc import Callable
from itertools import permutations
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
from apache_beam.testing.util import assert_that

from mos_tf.datasets.tensors import encode, parse_spec
from mos_tf.errors import DataError
from mos_tf.features import Feature, FeatureSpec
from mos_tf.layers import ThemeRouter
from mos_tf.layers.co_occurrence import find_themes
from mos_tf.models.early_events import theme_sessions
from mos_tf.request import Request
from mos_tf.vocabulary import Vocabulary
from tfx_pipeline.beam import themes
from tfx_pipeline.beam.themes import CountTokens, TokenCounts

SPEC = FeatureSpec(features=(Feature(name="category", of="item"),), theme_token="category")
VOCABULARY = Vocabulary([f"category-{i}" for i in range(24)])


def request(user: str, time: int, times: list[int], categories: list[str]) -> bytes:
    tokens = np.array(categories, object)
    history = {"item_id": tokens, "category": tokens, "timestamp": np.array(times, np.int64)}
    candidates = {name: np.array(["x"], object) for name in ("item_id", "category")}
    made = Request(user, time, history, candidates, label=np.ones(1, np.float32))
    return made.to_example(SPEC).SerializeToString(deterministic=True)


def growing_histories(users: int, seed: int) -> list[bytes]:
    """Each user's requests repeat the events before them; one category in eight is not in the vocabulary."""
    rng = np.random.default_rng(seed)
    requests: list[bytes] = []
    for user in range(users):
        times = np.sort(rng.integers(0, 40_000, rng.integers(0, 30))).tolist()
        theme = rng.integers(0, 4, len(times)) * 6
        categories = [f"category-{i}" for i in theme + rng.integers(0, 7, len(times))]
        for moment in rng.integers(20_000, 50_000, 3).tolist():
            seen = np.searchsorted(times, moment)
            requests.append(request(f"user-{user}", moment, times[:seen], categories[:seen]))
    return [requests[i] for i in rng.permutation(len(requests))]


def run(requests: list[bytes], check: Callable[[TokenCounts], None], **options: Any) -> None:
    """Has Beam count requests that come as from several files, and checks the one result."""

    def check_all(results: list[TokenCounts]) -> None:
        (result,) = results
        check(result)

    with beam.Pipeline() as pipeline:
        files = [pipeline | f"File{i}" >> beam.Create(requests[i::3], reshuffle=False) for i in range(3)]
        assert_that(files | beam.Flatten() | CountTokens("category", VOCABULARY, **options), check_all)


def on_one_machine(requests: list[bytes], **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """The sessions that `SequenceRanker.adapt` would find themes in."""
    tables = {name: VOCABULARY.table() for name in SPEC.categoricals}
    features = encode(tf.io.parse_example(requests, parse_spec(SPEC)), SPEC, tables)
    sessions, tokens = theme_sessions([(features, None)], "category", **options)
    known = tokens < VOCABULARY.num_ids - 1
    return sessions[known], tokens[known]


@pytest.mark.parametrize("options", [{}, {"session_gap": 300, "theme_start": 30_000}])
def test_themes_and_embeddings_are_those_of_one_machine_to_the_last_bit(
    options: dict[str, int], monkeypatch: pytest.MonkeyPatch
):
    requests = growing_histories(users=120, seed=1)
    router = ThemeRouter(VOCABULARY.num_ids, num_themes=(4, 8), routing_dim=8, seed=3)
    sessions, tokens = on_one_machine(requests, **options)
    router.adapt(sessions, tokens)
    expected = [np.asarray(weight) for weight in (router.embeddings, *router.codebooks, router.table)]

    def same_state(counts: TokenCounts) -> None:
        found = find_themes(counts.co_occurrence, counts.frequency, router.num_themes, 8, seed=3)
        for weight, array in zip(expected, (found.embeddings, *found.codebooks, found.table), strict=True):
            np.testing.assert_array_equal(array, weight)

    monkeypatch.setattr(themes, "USERS_AT_ONCE", 7)  # many parts, whose order Beam decides
    run(requests, same_state, **options)


def test_counts_are_those_of_every_pair_counted_by_itself():
    requests = growing_histories(users=20, seed=2)
    sessions, tokens = on_one_machine(requests)
    expected = np.zeros((VOCABULARY.num_ids, VOCABULARY.num_ids))
    for session in set(sessions.tolist()):
        distinct = set(tokens[sessions == session].tolist())
        for a, b in permutations(distinct, 2):
            expected[a, b] += 1 / (len(distinct) - 1)

    def same_counts(counts: TokenCounts) -> None:
        np.testing.assert_allclose(counts.co_occurrence.toarray(), expected, rtol=1e-8)
        np.testing.assert_array_equal(counts.frequency, np.bincount(tokens, minlength=VOCABULARY.num_ids))

    run(requests, same_counts)


def test_only_the_history_of_a_users_earliest_request_counts():
    # The first target is at 100, so the 99 of v's only request is in time and the 100 is not.
    requests = [
        request("u", 500, [10, 20, 300], ["category-1", "category-2", "category-3"]),
        request("u", 100, [10, 20], ["category-1", "category-2"]),
        request("v", 400, [98, 99, 100], ["category-4", "category-5", "category-6"]),
    ]

    def check(counts: TokenCounts) -> None:
        assert np.flatnonzero(counts.frequency).tolist() == [1, 2, 4, 5]
        pairs = zip(*counts.co_occurrence.nonzero(), strict=True)
        assert sorted((int(a), int(b)) for a, b in pairs) == [(1, 2), (2, 1), (4, 5), (5, 4)]

    run(requests, check)


def test_no_request_is_an_error_that_says_so():
    with pytest.raises(DataError, match="Received: not one"):
        run([], lambda counts: None)


def test_events_without_the_token_are_refused():
    broken = tf.train.Example.FromString(request("u", 100, [10, 20], ["category-1", "category-2"]))
    broken.features.feature["history_category"].bytes_list.value.pop()
    with pytest.raises(DataError, match="history_timestamp=2, history_category=1"):
        run([broken.SerializeToString()], lambda counts: None)


def test_bytes_that_are_no_request_are_refused():
    with pytest.raises(DataError, match=r"Missing: \['user_id', 'request_time'\]"):
        run([tf.train.Example().SerializeToString()], lambda counts: None)
