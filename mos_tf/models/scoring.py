"""`ScoringModel`: the way of a batch of requests through the layers of a ranker."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from mos_tf.encoders import SequenceEncoder
from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID, REQUEST_TIME, TIMESTAMP, FeatureSpec
from mos_tf.layers import MixtureOfSequence
from mos_tf.layers.sessions import session_numbers
from mos_tf.models.checks import check_features
from mos_tf.models.embedding import FeatureEmbedding
from mos_tf.models.event_time import EventTimeEmbedding
from mos_tf.models.head import RankingHead
from mos_tf.models.numbers import CandidateNumbers
from mos_tf.models.training import RequestModel
from mos_tf.ragged import Rows, row_ids

Features = Mapping[str, tf.Tensor | tf.RaggedTensor]


class Scored(NamedTuple):
    """What the ranker says of the M candidates of a batch, flat.

    Attributes:
        logits: float32 [M].
        gates: float [M, experts], weight of each expert; one column of ones without a mixture.
        themes: int32 [M], theme of each candidate; -1 without a mixture.
    """

    logits: tf.Tensor
    gates: tf.Tensor
    themes: tf.Tensor


class ScoringModel(RequestModel):
    """Scores candidates by the layers that a subclass makes.

    Attributes:
        spec: the features of a request.
        embed: events, candidates and context as vectors.
        event_time: the time of events as vectors, or None.
        router: the `ThemeRouter`, or None without a mixture.
        candidate_numbers: what the tower of numbers sees.
        sequence: what reads the history.
        head: turns both into a logit.
        event_dropout: share of history events that the encoders do not see in a training step.
        adapted: whether themes and quantiles are known.
        found_themes: whether `adapt` found the router's themes itself.
        session_gap: seconds without an event after which a new session begins.
    """

    spec: FeatureSpec
    embed: FeatureEmbedding
    event_time: EventTimeEmbedding | None
    router: Any
    candidate_numbers: CandidateNumbers
    sequence: MixtureOfSequence | SequenceEncoder
    head: RankingHead
    event_dropout: float
    adapted: Any  # a property
    found_themes: bool
    session_gap: int
    seed_generator: keras.random.SeedGenerator

    @property
    def item_table(self) -> Any:
        """The `ItemTable` of features that do not travel in requests, or None."""
        return self.embed.item_table

    def call(self, features: Features, training: bool = False, logits: bool = False) -> tf.RaggedTensor:
        scored = self.score(features, training)
        values = scored.logits if logits else self.objective.probabilities(scored.logits)
        return features[CANDIDATE + ITEM_ID].with_flat_values(values)

    def explain(self, features: Features) -> dict[str, tf.RaggedTensor]:
        """Returns ragged `scores` [batch, (n)], `themes` int32 [batch, (n)] and `gates` [batch, (n), experts]."""
        scored = self.score(features)
        candidates = features[CANDIDATE + ITEM_ID]
        return {
            "scores": candidates.with_flat_values(self.objective.probabilities(scored.logits)),
            "themes": candidates.with_flat_values(scored.themes),
            "gates": candidates.with_flat_values(scored.gates),
        }

    def score(self, features: Features, training: bool = False) -> Scored:
        """Scores the flat candidates of a batch of requests."""
        if not self.adapted:
            raise ValueError(
                f"{self.name}: themes and quantiles are not adapted. Received: a call before fit; "
                "call fit(dataset) or adapt(dataset) first"
            )
        check_features(self.spec, features)
        features = self.with_item_features(features)
        themes = self.themes_of(features)
        ages = self._seconds_before(features)
        if training and self.router and self.router.learn:
            tokens = features[HISTORY + self.spec.theme_token].flat_values
            self.router.learn_from(tokens, self._sessions(ages))
        numbers = self.candidate_numbers(features, ages, themes, training=training)
        history = Rows(self.embed(features, role="history", training=training), self._splits(features, HISTORY))
        candidates = self.embed(features, role="candidate", training=training)
        candidate_rows = row_ids(self._splits(features, CANDIDATE))
        time = ages.flat_values
        if self.event_time is not None:
            history = history._replace(values=history.values + self.event_time(Rows(time, history.splits)))
        column = self.router.routing_resolution if self.router else None
        event_themes, candidate_themes = (None, None) if column is None else (part[:, column] for part in themes)
        if training and self.event_dropout:
            seen = keras.random.uniform(tf.shape(time), seed=self.seed_generator) >= self.event_dropout
            history = _keep(history, seen)
            time = tf.boolean_mask(time, seen)
            event_themes = None if event_themes is None else tf.boolean_mask(event_themes, seen)
        if column is None:
            encoded = self.sequence.encode(history, candidates, candidate_rows, time)
            vectors, evidence = encoded.vectors, encoded.evidence
            gates = tf.ones([tf.shape(vectors)[0], 1])
            candidate_themes = tf.fill([tf.shape(vectors)[0]], -1)
        else:
            scaled = self.head.standardised(numbers)
            mixed = self.sequence.mix(
                history, candidates, candidate_rows, (event_themes, candidate_themes), time, scaled
            )
            vectors, evidence, gates = mixed.vectors, mixed.evidence, mixed.gates
        if self.embed.has_context:
            context = tf.gather(self.embed(features, role="context"), candidate_rows)
            evidence = tf.concat([evidence, context], axis=1)
        logits = self.head(numbers, vectors, candidates, evidence, training=training)
        return Scored(logits, gates, candidate_themes)

    def themes_of(self, features: Features) -> Any:
        """Themes of the flat events and candidates, int32 [N, resolutions] and [M, resolutions]; None without any."""
        if not self.router:
            return None
        events, candidates = (features[prefix + self.spec.theme_token].flat_values for prefix in (HISTORY, CANDIDATE))
        if self.sequence.routing_unit == "session":
            sessions = self._sessions(self._seconds_before(features))
            return self.router.session_themes(events, sessions), self.router(candidates)
        return self.router(events), self.router(candidates)

    def _sessions(self, ages: tf.RaggedTensor) -> tf.Tensor:
        return session_numbers(Rows.of(ages), time=ages.flat_values, gap=self.session_gap)

    def numbers(self, features: Features, training: bool = False) -> tf.Tensor:
        """Returns what the tower of numbers sees of the flat candidates, float32 [M, J].

        Args:
            features: as for a call.
            training: whether priors leave the user's own fold out, as they must for training requests.
        """
        features = self.with_item_features(features)
        ages, themes = self._seconds_before(features), self.themes_of(features)
        return self.candidate_numbers(features, ages, themes, training=training)

    def with_item_features(self, features: Features) -> Features:
        """Adds the scalars of the item table, as if they had come with the request."""
        added = {}
        for feature in self.spec.table_features:
            if feature.kind in ("categorical", "numeric"):
                for prefix in (HISTORY, CANDIDATE):
                    items = features[prefix + ITEM_ID]
                    values = self.item_table.values(feature.name, items.flat_values)
                    added[prefix + feature.name] = items.with_flat_values(values)
        return {**features, **added}

    @staticmethod
    def _splits(features: Features, prefix: str) -> tf.Tensor:
        return tf.cast(features[prefix + ITEM_ID].row_splits, tf.int64)

    @staticmethod
    def _seconds_before(features: Features) -> tf.RaggedTensor:
        """Returns the events' ages; an event from behind the request, where clocks disagree, is of its own instant."""
        times = features[HISTORY + TIMESTAMP]
        ages = tf.gather(features[REQUEST_TIME], times.value_rowids()) - times.flat_values
        return times.with_flat_values(tf.maximum(ages, 0))


def _keep(rows: Rows, kept: tf.Tensor) -> Rows:
    """Returns the rows with only the values where `kept` is true."""
    counts = tf.concat([[0], tf.cumsum(tf.cast(kept, tf.int64))], axis=0)
    return Rows(tf.boolean_mask(rows.values, kept), tf.gather(counts, rows.splits))
