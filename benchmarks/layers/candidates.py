"""Many candidates of one request against one, and how often that request's history is embedded and routed."""

from unittest import mock

import numpy as np
import tensorflow as tf

from benchmarks.layers.batches import NUM_THEMES, Batch, make_batch
from benchmarks.layers.measuring import alternate, milliseconds, ratio
from benchmarks.layers.models import MODELS, ragged_layer
from benchmarks.layers.results import Bar, Row, Spread
from benchmarks.layers.sizes import Sizes
from benchmarks.layers.steps import ragged_step
from mos_tf import Feature, FeatureSpec, MixtureOfSequence, SequenceRanker
from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID, REQUEST_TIME, TIMESTAMP

_WANTED = {"SDIM": 3.0, "Mamba4Rec": 3.0, "TWIN": 15.0}
_CATEGORY = "category"
_SECONDS_APART = 600  # events, three to a session
_SPEC = FeatureSpec(features=(Feature(name=_CATEGORY, of="item"),), theme_token=_CATEGORY)


def candidates(encoder: str, sizes: Sizes) -> list[Row]:
    """Measures one request's scoring, forward, and counts look-ups in a ranker around the encoder."""
    layer = ragged_layer(encoder, sizes)
    numbers = {"1 candidate": 1, "many": sizes.candidates}
    batches = {side: make_batch([sizes.events], sizes.dim, candidates=number) for side, number in numbers.items()}
    times = alternate({side: ragged_step(layer, batch, training=False) for side, batch in batches.items()}, sizes)
    bar = Bar("<=", _WANTED[encoder]) if encoder in _WANTED else None
    quantity = f"time of {sizes.candidates} candidates / of 1"
    return [
        Row("many candidates", encoder, quantity, ratio(times, "many", "1 candidate"), bar, milliseconds(times)),
        *_look_ups(encoder, batches["many"], sizes),
    ]


def _look_ups(encoder: str, batch: Batch, sizes: Sizes) -> list[Row]:
    """Counts ids that a ranker embeds and routes for one request, over its events and candidates: each once."""
    features = _request(batch)
    num_ids = {name: 2 + max(int(tf.reduce_max(features[p + name].values)) for p in (HISTORY, CANDIDATE))
               for name in (ITEM_ID, _CATEGORY)}  # fmt: skip
    mixture = MixtureOfSequence(MODELS[encoder].ragged(), NUM_THEMES)
    ranker = SequenceRanker(_SPEC, num_ids, mixture, embedding_dim=sizes.dim)
    labels = tf.zeros_like(features[CANDIDATE + ITEM_ID], tf.float32)
    ranker.adapt(tf.data.Dataset.from_tensors((features, labels)))
    table = ranker.embed.tables[ITEM_ID]
    with (
        mock.patch.object(table, "call", wraps=table.call) as embedded,
        mock.patch.object(ranker.router, "call", wraps=ranker.router.call) as routed,
    ):
        ranker(features)
    ids = sizes.events + sizes.candidates
    return [
        Row(
            "look-ups a request",
            f"{encoder}, {verb}",
            f"ids {verb} / events and candidates",
            Spread.of([sum(int(tf.size(call.args[0])) for call in calls.call_args_list) / ids]),
            Bar("<=", 1.0),
        )
        for verb, calls in (("embedded", embedded), ("routed", routed))
    ]


def _request(batch: Batch) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """Returns a batch's tokens as features, each category being an item of its own."""
    seconds = tf.range(batch.tokens.values.shape[0], dtype=tf.int64) * _SECONDS_APART
    seconds += tf.range(batch.tokens.values.shape[0], dtype=tf.int64) // 3 * 10 * _SECONDS_APART
    return {
        HISTORY + ITEM_ID: batch.tokens,
        HISTORY + _CATEGORY: batch.tokens,
        HISTORY + TIMESTAMP: batch.tokens.with_values(seconds),
        CANDIDATE + ITEM_ID: batch.candidate_tokens,
        CANDIDATE + _CATEGORY: batch.candidate_tokens,
        REQUEST_TIME: seconds[-1:] + _SECONDS_APART,
        "user_id": tf.constant(np.zeros(1, np.int64)),
    }
