"""Batches: random vectors, routed by the tokens of generated users who hop between themes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.special import ndtri

from benchmarks.layers.sizes import Sizes
from mos_tf import ThemeRouter
from mos_tf.datasets.generator.catalogue import Catalogue
from mos_tf.datasets.generator.clicks import Clicks
from mos_tf.datasets.generator.config import GeneratorConfig
from mos_tf.encoders.base import SequenceEncoder
from mos_tf.layers import MixtureOfSequence

NUM_THEMES = 8
_CONFIG = GeneratorConfig()
_CATALOGUE = Catalogue(_CONFIG)
_STREAMS = 16  # generated users whose clicks the rows are pieces of
_EVENTS_A_SESSION = 4  # fewer than the mean, so that a stream is long enough
_SHORTEST_STREAM = 600


@dataclass(frozen=True)
class Batch:
    """Requests of one or several candidates each.

    Attributes:
        history: float32 [batch, (events), dim].
        candidates: float32 [batch, (candidates), dim], or dense [batch, dim] for one each.
        tokens: int64 [batch, (events)], categories of the clicks.
        candidate_tokens: int64, in the candidates' form: categories of the clicks that came next.
    """

    history: tf.RaggedTensor
    candidates: tf.RaggedTensor | tf.Tensor
    tokens: tf.RaggedTensor
    candidate_tokens: tf.RaggedTensor | tf.Tensor


def log_normal_lengths(number: int, sizes: Sizes) -> np.ndarray:
    """Returns the law's own quantiles (sigma 1, capped), so that no seed decides how long the longest is."""
    quantiles = (np.arange(number) + 0.5) / number
    return np.minimum(sizes.median * np.exp(ndtri(quantiles)), sizes.cap).astype(np.int64)


def make_batch(lengths: Sequence[int] | np.ndarray, dim: int, candidates: int | None = None, seed: int = 0) -> Batch:
    """Makes requests with histories of these lengths.

    Args:
        lengths: events of each request.
        dim: width of the vectors.
        candidates: of each request; None: one, dense.
        seed: of the vectors.
    """
    rng = np.random.default_rng(seed)
    lengths = np.asarray(lengths, np.int64)
    wanted = candidates or 1
    streams = _streams(int(lengths.max()) + wanted + len(lengths) // _STREAMS)
    starts = np.arange(len(lengths)) // _STREAMS
    rows = [streams[row % _STREAMS][start:] for row, start in enumerate(starts)]
    tokens = np.concatenate([row[:length] for row, length in zip(rows, lengths, strict=True)])
    following = np.concatenate([row[length : length + wanted] for row, length in zip(rows, lengths, strict=True)])

    def ragged(values: np.ndarray, row_lengths: np.ndarray) -> tf.RaggedTensor:
        return tf.RaggedTensor.from_row_lengths(tf.constant(values), row_lengths)

    vectors = rng.normal(size=(lengths.sum(), dim)).astype(np.float32)
    candidate_vectors = rng.normal(size=(len(following), dim)).astype(np.float32)
    if candidates is None:
        of_candidates = tf.constant(candidate_vectors), tf.constant(following)
    else:
        numbers = np.full(len(lengths), candidates)
        of_candidates = ragged(candidate_vectors, numbers), ragged(following, numbers)
    return Batch(ragged(vectors, lengths), of_candidates[0], ragged(tokens, lengths), of_candidates[1])


@cache
def _streams(length: int) -> list[np.ndarray]:
    """Returns categories of the clicks of users of the default law, only with more sessions."""
    length = max(length, _SHORTEST_STREAM)
    config = _CONFIG.model_copy(update={"sessions_per_user": length / _EVENTS_A_SESSION, "sessions_shape": 50.0})
    clicks = Clicks(config, _CATALOGUE, np.arange(_STREAMS))
    streams = [clicks.category[clicks.user == user].astype(np.int64) for user in range(_STREAMS)]
    return [np.resize(stream, length) for stream in streams]  # the rare one that is too short begins again


@cache
def trained_router(users: int) -> ThemeRouter:
    """Returns a router of categories, adapted on generated users."""
    clicks = Clicks(_CONFIG, _CATALOGUE, np.arange(users))
    router = ThemeRouter(_CATALOGUE.num_categories + 1, NUM_THEMES)
    router.adapt(clicks.session, clicks.category)
    return router


def mixture_of(encoder: SequenceEncoder, sizes: Sizes, **options: Any) -> MixtureOfSequence:
    """Returns a mixture around an encoder, routed by the trained router."""
    return MixtureOfSequence(encoder, NUM_THEMES, window=50, router=trained_router(sizes.users), **options)
