"""What a ranker learns of its training requests before the first step: themes, priors and quantiles of numbers."""

from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from mos_tf.errors import DataError
from mos_tf.features import CANDIDATE, ITEM_ID, USER_ID
from mos_tf.layers import HistorySimilarity
from mos_tf.layers.co_occurrence import cut_sessions
from mos_tf.models.early_events import EarlyEvents, early_events, theme_runs
from mos_tf.models.scoring import ScoringModel

MAX_CANDIDATES = 200_000
MAX_EVENTS = 1_000_000  # of the first users, whose order is that of hashes


def adapt_ranker(ranker: ScoringModel, batches: Iterable, theme_start: int | None = None) -> None:
    """Sets a ranker's themes, priors and quantiles from (features, label) of training requests, and says so."""
    similarity = ranker.candidate_numbers.similarity
    if similarity is not None or _looks_for_themes(ranker):
        names = {ITEM_ID, *([ranker.spec.theme_token] if ranker.router else [])}
        early = early_events(batches, sorted(names), theme_start)
        sessions = cut_sessions(early.users, early.times, ranker.session_gap)
        if _looks_for_themes(ranker):
            _find_themes(ranker, sessions, early.ids[ranker.spec.theme_token])
        if similarity is not None:
            _find_vectors(ranker, similarity, sessions, early)
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


def take_over(ranker: ScoringModel, other: ScoringModel) -> None:
    """Gives a ranker what another one knows before its first step: themes, vectors, priors, quantiles, the first stage.

    Args:
        ranker: with the same numbers and themes as the other; its embeddings and its encoder may be anything.
        other: adapted.

    Raises:
        ValueError: numbers or themes of other shapes.
    """
    for own, others in zip(_known_before(ranker), _known_before(other), strict=True):
        store: dict = {}
        others.save_own_variables(store)
        own.load_own_variables(store)
    ranker.found_themes = other.found_themes


def _known_before(ranker: ScoringModel) -> list[keras.layers.Layer]:
    numbers, head = ranker.candidate_numbers, ranker.head
    layers = [ranker.router, numbers.similarity, numbers.priors]
    layers += [head.standardise, head.embed_numbers, head.code_weights, *head.number_tower.layers]
    return [layer for layer in layers if layer is not None and layer.built]


def _looks_for_themes(ranker: ScoringModel) -> bool:
    return ranker.router is not None and (ranker.found_themes or not ranker.router.adapted)


def _find_themes(ranker: ScoringModel, sessions: np.ndarray, tokens: np.ndarray) -> None:
    ranker.router.adapt(sessions, tokens)
    ranker.found_themes = True
    print(
        f"{ranker.name}: adapted {'/'.join(map(str, ranker.router.num_themes))} themes of "
        f"{ranker.spec.theme_token} on {len(tokens):,} events in {len(np.unique(sessions)):,} sessions",
        flush=True,
    )


def _find_vectors(
    ranker: ScoringModel, similarity: HistorySimilarity, sessions: np.ndarray, early: EarlyEvents
) -> None:
    """Finds vectors of items that occur together in a session or in a theme's subsequence of a history."""
    events = slice(MAX_EVENTS)
    themes = np.zeros(len(early.users), np.int64)
    if ranker.router is not None:
        coarsest = int(np.argmin(ranker.router.num_themes))
        themes = keras.ops.convert_to_numpy(ranker.router.table)[early.ids[ranker.spec.theme_token], coarsest]
    runs = theme_runs(early.users[events], themes[events])
    items = early.ids[ITEM_ID][events]
    similarity.adapt(np.concatenate([sessions[events], sessions[-1:].max(initial=0) + 1 + runs]), np.tile(items, 2))
    print(
        f"{ranker.name}: adapted vectors of {similarity.num_known:,} of {similarity.num_items - 1:,} items on "
        f"{len(items):,} events",
        flush=True,
    )


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
