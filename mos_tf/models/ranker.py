"""`SequenceRanker`: features → embeddings → sequence layer → head, on requests of any length."""

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from mos_tf.encoders import DIN, SequenceEncoder
from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID, REQUEST_TIME, TIMESTAMP, USER_ID, FeatureSpec
from mos_tf.layers import HistoryAffinity, MixtureOfSequence
from mos_tf.metrics import GAUC, ThemeLoad
from mos_tf.models.adaptation import SESSION_GAP, number_sample, theme_sessions
from mos_tf.models.embedding import FeatureEmbedding
from mos_tf.models.head import RankingHead
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


@keras.saving.register_keras_serializable("mos_tf")
class SequenceRanker(keras.Model):
    """Ranks the candidates of a request by the user's history.

    Events and candidates are embedded from shared tables; a sequence layer reads the history once a request;
    `HistoryAffinity` counts matches by item, by every categorical item feature and by every theme; `RankingHead`
    turns both into a logit. Cost follows the true number of events and candidates.

    `fit` finds the themes and the quantiles of the numbers in the training requests before the first step, and saves
    them with the model.

    Args:
        spec: the features of a request.
        num_ids: number of ids of each of `spec.categoricals`, the out-of-vocabulary id included.
        sequence: `MixtureOfSequence` around an encoder, or an encoder alone; default `MixtureOfSequence(DIN())`.
        embedding_dim: width of event and candidate vectors.
        time_scales: of `HistoryAffinity`, in days.
        event_dropout: share of history events the encoders do not see in a training step.
        item_dropout: share of item ids that a training step shows as unknown, so that unseen items score well.
        session_gap: seconds without an event after which a new session begins, where themes are found.

    Call arguments:
        features: dict by column key (`FeatureSpec.columns`): ids int64, numbers float32, `history_timestamp` and
            `request_time` int64 UTC seconds; lists are RaggedTensors. Further keys are ignored.

    Returns:
        Probabilities, float32 RaggedTensor [batch, (candidates)].

    Raises:
        ValueError: a categorical feature without `num_ids`, or a call before `fit` or `adapt`.

    Example:

    >>> from mos_tf import FeatureSpec, MixtureOfSequence
    >>> from mos_tf.encoders import DIN
    >>> ranker = SequenceRanker(
    ...     FeatureSpec(), {"item_id": 100}, sequence=MixtureOfSequence(DIN(), num_themes=2), embedding_dim=8
    ... )
    >>> ranker.compile()
    """

    def __init__(
        self,
        spec: FeatureSpec,
        num_ids: Mapping[str, int],
        sequence: MixtureOfSequence | SequenceEncoder | None = None,
        *,
        embedding_dim: int = 32,
        time_scales: tuple[float, float] = (21.0, 90.0),
        event_dropout: float = 0.2,
        item_dropout: float = 0.2,
        session_gap: int = SESSION_GAP,
        **kwargs: Any,
    ):
        # Numbers stay float32 on their way in, whatever the policy: half precision would blur them.
        super().__init__(autocast=False, **kwargs)
        self.spec = spec if isinstance(spec, FeatureSpec) else FeatureSpec.model_validate(spec)
        missing = sorted(set(self.spec.categoricals) - set(num_ids))
        if missing:
            raise ValueError(f"num_ids must name every categorical feature. Received: nothing for {missing}")
        self.num_ids = {name: int(num_ids[name]) for name in self.spec.categoricals}
        self.embedding_dim = embedding_dim
        self.event_dropout = event_dropout
        self.item_dropout = item_dropout
        self.session_gap = session_gap
        self.seed_generator = keras.random.SeedGenerator(0)
        self.sequence = sequence if sequence is not None else MixtureOfSequence(DIN())
        self.embed = FeatureEmbedding(
            self.spec, self.num_ids, embedding_dim, item_dropout, name="embed", dtype=self.dtype_policy
        )
        self.router = self._own_router()
        unknown = {name: self.num_ids[name] - 1 for name in self.spec.item_categoricals}
        unknown |= {f"theme_{themes}": themes for themes in (self.router.num_themes if self.router else ())}
        self.affinity = HistoryAffinity(list(unknown), time_scales, unknown, name="affinity")
        self.head = RankingHead(name="head", dtype=self.dtype_policy)
        self._build_sublayers()
        self.auc = keras.metrics.AUC(num_thresholds=1000, name="auc")
        self.gauc = GAUC(name="gauc")
        self.theme_load = ThemeLoad(self._routing_themes, name="theme") if self.router else None

    def _own_router(self) -> Any:
        if not isinstance(self.sequence, MixtureOfSequence):
            return None
        return self.sequence.router or self.sequence.make_router(self.num_ids[self.spec.theme_token])

    @property
    def _routing_themes(self) -> int:
        return self.router.num_themes[self.router.routing_resolution]

    @property
    def _number_columns(self) -> list[str]:
        """Numeric columns of candidates and of the request, which enter the tower of numbers."""
        return [c.key for c in self.spec.columns() if c.dtype == "float32" and c.role in ("candidate", "context")]

    def _build_sublayers(self) -> None:
        """All sizes are known from the arguments, so a ranker is built as soon as it is made (and so it reloads)."""
        vector, ragged = (None, self.embedding_dim), (None, None, self.embedding_dim)
        numbers = (None, self.affinity.output_dim + len(self._number_columns))
        if not self.sequence.built:  # it is, where it was read from a file
            self.sequence.build(ragged, ragged, *([numbers] if self.router else []))
        evidence = self.sequence.evidence_dim + (self.embedding_dim if self.embed.has_context else 0)
        self.head.build(numbers, vector, vector, (None, evidence))
        self.built = True

    # -- scoring ---------------------------------------------------------------------------------------------------

    def call(self, features: Features, training: bool = False) -> tf.RaggedTensor:
        scored = self.score(features, training)
        return features[CANDIDATE + ITEM_ID].with_flat_values(tf.sigmoid(scored.logits))

    def explain(self, features: Features) -> dict[str, tf.RaggedTensor]:
        """Returns ragged `scores` [batch, (n)], `themes` int32 [batch, (n)] and `gates` [batch, (n), experts]."""
        scored = self.score(features)
        candidates = features[CANDIDATE + ITEM_ID]
        return {
            "scores": candidates.with_flat_values(tf.sigmoid(scored.logits)),
            "themes": candidates.with_flat_values(scored.themes),
            "gates": candidates.with_flat_values(scored.gates),
        }

    def score(self, features: Features, training: bool = False) -> Scored:
        """Scores the flat candidates of a batch of requests."""
        if not self.head.adapted:
            raise ValueError(
                f"{self.name}: themes and quantiles are not adapted. Received: a call before fit; "
                "call fit(dataset) or adapt(dataset) first"
            )
        themes = self._themes(features)
        numbers = self._numbers(features, themes)
        history = Rows(self.embed(features, role="history", training=training), self._splits(features, HISTORY))
        candidates = self.embed(features, role="candidate", training=training)
        candidate_rows = row_ids(self._splits(features, CANDIDATE))
        time = self._seconds_before(features).flat_values
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

    def _themes(self, features: Features) -> Any:
        """Themes of the flat events and candidates, int32 [N, resolutions] and [M, resolutions]; None without any."""
        if not self.router:
            return None
        token = self.spec.theme_token
        return self.router(features[HISTORY + token].flat_values), self.router(features[CANDIDATE + token].flat_values)

    def numbers(self, features: Features) -> tf.Tensor:
        """Returns affinity and numeric features of the flat candidates, float32 [M, J]."""
        return self._numbers(features, self._themes(features))

    def _numbers(self, features: Features, themes: Any) -> tf.Tensor:
        events, candidates = features[HISTORY + ITEM_ID], features[CANDIDATE + ITEM_ID]
        history_ids = {name: features[HISTORY + name] for name in self.spec.item_categoricals}
        candidate_ids = {name: features[CANDIDATE + name] for name in self.spec.item_categoricals}
        if themes is not None:
            for column, count in enumerate(self.router.num_themes):
                history_ids[f"theme_{count}"] = events.with_flat_values(themes[0][:, column])
                candidate_ids[f"theme_{count}"] = candidates.with_flat_values(themes[1][:, column])
        affinity = self.affinity(history_ids, candidate_ids, history_time=self._seconds_before(features)).flat_values
        rows = row_ids(candidates.row_splits)
        numbers = [
            value.flat_values if isinstance(value, tf.RaggedTensor) else tf.gather(value, rows)
            for value in (features[key] for key in self._number_columns)
        ]
        return tf.concat([affinity, *(number[:, None] for number in numbers)], axis=1)

    @staticmethod
    def _splits(features: Features, prefix: str) -> tf.Tensor:
        return tf.cast(features[prefix + ITEM_ID].row_splits, tf.int64)

    @staticmethod
    def _seconds_before(features: Features) -> tf.RaggedTensor:
        times = features[HISTORY + TIMESTAMP]
        return times.with_flat_values(tf.gather(features[REQUEST_TIME], times.value_rowids()) - times.flat_values)

    # -- training --------------------------------------------------------------------------------------------------

    def compile(self, optimizer: Any = None, **kwargs: Any) -> None:
        """Configures training; the loss is the mean binary cross-entropy of the candidates.

        Args:
            optimizer: default AdamW at 1e-3 with weight decay 1e-4.
            **kwargs: of `keras.Model.compile`.
        """
        if optimizer is None:
            optimizer = keras.optimizers.AdamW(1e-3, weight_decay=1e-4)
        # Ragged computation has no static shapes, so XLA would compile again for every batch.
        super().compile(optimizer=optimizer, jit_compile=False, **kwargs)

    def fit(self, x: tf.data.Dataset, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains on a dataset of (features, label) batches; adapts themes and numbers to it first, where not done."""
        if not self.head.adapted:
            self.adapt(x, max_batches=kwargs.get("steps_per_epoch"))
        kwargs.setdefault("shuffle", False)  # a dataset shuffles itself; Keras would warn that it cannot
        with warnings.catch_warnings():
            # Keras says so at the end of the first epoch over any dataset whose size it cannot know beforehand.
            warnings.filterwarnings("ignore", message="Your input ran out of data")
            return super().fit(x, *args, **kwargs)

    def adapt(self, dataset: tf.data.Dataset, *, max_batches: int | None = None) -> None:
        """Finds themes and the quantiles of the numbers in training requests, and says so.

        Args:
            dataset: batches of (features, label) from the training period.
            max_batches: how much of the dataset to look at; needed where it repeats for ever.

        Raises:
            ValueError: an endless dataset without `max_batches`.
            DataError: the histories hold too few sessions to find themes in.
        """
        if max_batches is None and dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
            raise ValueError("adapt needs an end. Received: a dataset that repeats for ever; pass max_batches")
        batches = dataset if max_batches is None else dataset.take(max_batches)
        if self.router and not self.router.adapted:
            sessions, tokens = theme_sessions(batches, self.spec.theme_token, self.session_gap)
            self.router.adapt(sessions, tokens)
            print(
                f"{self.name}: adapted {'/'.join(map(str, self.router.num_themes))} themes of {self.spec.theme_token} "
                f"on {len(tokens):,} events in {len(np.unique(sessions)):,} sessions",
                flush=True,
            )
        numbers = number_sample(batches, tf.function(self.numbers, reduce_retracing=True))
        self.head.adapt(numbers)
        print(
            f"{self.name}: adapted quantiles of {numbers.shape[1]} numbers on {len(numbers):,} candidates", flush=True
        )

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> tf.Tensor:
        losses = keras.losses.binary_crossentropy(y.flat_values[:, None], y_pred.flat_values[:, None])
        return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.cast(tf.size(losses), losses.dtype))

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict:
        users = tf.gather(x[USER_ID], y_pred.value_rowids())
        self.auc.update_state(y.flat_values, y_pred.flat_values)
        self.gauc.update_state(y.flat_values, y_pred.flat_values, groups=users)
        if self.theme_load is not None:
            self.theme_load.update_state(self._themes(x)[0][:, self.router.routing_resolution])
        return self.get_metrics_result()

    # -- insight and saving ----------------------------------------------------------------------------------------

    def theme_table(self) -> dict[int, np.ndarray]:
        """Returns, by resolution K, the theme of each token id, int32 [num_ids of the token]; K where it has none."""
        if not self.router:
            return {}
        table = keras.ops.convert_to_numpy(self.router.table)
        return {themes: table[:, column] for column, themes in enumerate(self.router.num_themes)}

    def get_config(self) -> dict:
        return {
            "name": self.name,
            "dtype": keras.saving.serialize_keras_object(self.dtype_policy),
            "spec": self.spec.model_dump(mode="json"),
            "num_ids": self.num_ids,
            "sequence": keras.saving.serialize_keras_object(self.sequence),
            "embedding_dim": self.embedding_dim,
            "time_scales": list(self.affinity.time_scales),
            "event_dropout": self.event_dropout,
            "item_dropout": self.item_dropout,
            "session_gap": self.session_gap,
        }

    def get_compile_config(self) -> dict:
        return {"optimizer": keras.saving.serialize_keras_object(self.optimizer)} if self.compiled else {}

    def compile_from_config(self, config: dict) -> None:
        self.compile(optimizer=keras.saving.deserialize_keras_object(config["optimizer"]))
        self.optimizer.build(self.trainable_variables)

    @classmethod
    def from_config(cls, config: dict, custom_objects: Any = None) -> "SequenceRanker":
        config = dict(config)
        config["sequence"] = keras.saving.deserialize_keras_object(config["sequence"], custom_objects)
        config["dtype"] = keras.saving.deserialize_keras_object(config["dtype"])
        return cls(**config)


def _keep(rows: Rows, kept: tf.Tensor) -> Rows:
    """Returns the rows with only the values where `kept` is true."""
    counts = tf.concat([[0], tf.cumsum(tf.cast(kept, tf.int64))], axis=0)
    return Rows(tf.boolean_mask(rows.values, kept), tf.gather(counts, rows.splits))
