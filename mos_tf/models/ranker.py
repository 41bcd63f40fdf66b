"""`SequenceRanker`: features → embeddings → sequence layer → head, on requests of any length."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mos_tf.encoders import DIN, SequenceEncoder
from mos_tf.features import CANDIDATE, ITEM_ID, FeatureSpec
from mos_tf.layers import HistoryAffinity, MixtureOfSequence
from mos_tf.layers.sessions import SESSION_GAP
from mos_tf.metrics import ThemeLoad
from mos_tf.models.adaptation import adapt_ranker
from mos_tf.models.embedding import FeatureEmbedding
from mos_tf.models.event_time import EventTimeEmbedding
from mos_tf.models.first_stage import FirstStage, train_first_stage
from mos_tf.models.head import RankingHead
from mos_tf.models.item_table import ItemTable
from mos_tf.models.numbers import CandidateNumbers
from mos_tf.models.objective import Objective
from mos_tf.models.scoring import Features, ScoringModel
from mos_tf.models.sizes import id_counts


@keras.saving.register_keras_serializable("mos_tf")
class SequenceRanker(ScoringModel):
    """Ranks the candidates of a request by the user's history.

    Events and candidates are embedded from shared tables; a sequence layer reads the history once a request;
    `HistoryAffinity` counts matches by item, by every categorical item feature and by every theme; `RankingHead`
    turns both into a logit. Cost follows the true number of events and candidates.

    `fit` finds the themes and the quantiles of the numbers in the training requests before the first step, and saves
    them with the model. An item that training never showed scores by its other features.

    Args:
        spec: the features of a request.
        num_ids: number of ids of each of `spec.categoricals`, the out-of-vocabulary id included.
        sequence: `MixtureOfSequence` around an encoder, or an encoder alone; default `MixtureOfSequence(DIN())`.
        item_table: the features of items that the spec has `of="item_table"`.
        objective: loss, class weight and the share of negatives in the training data; default cross-entropy.
        first_stage: trains the tower of numbers alone before the first step of the first `fit`, and holds it from
            there; default no such stage.
        embedding_dim: width of event and candidate vectors.
        embedding_learning_scale: how fast embeddings learn, the other weights 1 (0.3 goes well with a first stage); for
            Adam and its kin.
        item_start: how long vectors of item ids are at the start, those of other features 1; 0.1 goes well without
            affinity, where what items share is to be learned first.
        time_scales: of `HistoryAffinity`, in days.
        affinity_levels: where matches are counted, of `"item_id"`, the categorical item features and `"theme_K"` for
            each resolution K; default everywhere, `()` for no affinity.
        similarity: whether matches are compared with the candidate, too, at the same levels (`HistorySimilarity`).
        time_features: whether events carry their age and the gap before them (`EventTimeEmbedding`).
        priors: whether the tower of numbers sees `LabelPriors`, for requests without popularity of their own.
        number_units: of `RankingHead`, as `number_dim` and `cross_layers`.
        number_dim: see there.
        cross_layers: see there.
        event_dropout: share of history events the encoders do not see in a training step.
        item_dropout: share of item ids that a training step shows as unknown, so that unseen items score well.
        session_gap: seconds without an event after which a new session begins, where themes are found.

    Call arguments:
        features: dict by column key (`FeatureSpec.columns`): ids int64, numbers float32, `history_timestamp` and
            `request_time` int64 UTC seconds; lists are RaggedTensors. Further keys are ignored.
        logits: whether to return logits, before any correction for sampled negatives.

    Returns:
        Probabilities, float32 RaggedTensor [batch, (candidates)].

    Raises:
        ValueError: a categorical feature without `num_ids`, an item table that is not the spec's, an affinity level
            that is none, a sequence layer of another width or precision, features of another form than the spec's, or
            a call before `fit` or `adapt`.

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
        item_table: ItemTable | None = None,
        objective: Objective | None = None,
        first_stage: FirstStage | None = None,
        embedding_dim: int = 32,
        embedding_learning_scale: float = 1.0,
        item_start: float = 1.0,
        time_scales: tuple[float, float] = (21.0, 90.0),
        affinity_levels: Sequence[str] | None = None,
        similarity: bool = True,
        time_features: bool = False,
        priors: bool = False,
        number_units: tuple[int, ...] = (48, 256),
        number_dim: int = 2,
        cross_layers: int = 0,
        event_dropout: float = 0.2,
        item_dropout: float = 0.2,
        session_gap: int = SESSION_GAP,
        **kwargs: Any,
    ):
        super().__init__(objective or Objective(), **kwargs)
        self.spec = spec if isinstance(spec, FeatureSpec) else FeatureSpec.model_validate(spec)
        self.num_ids = id_counts(self.spec, num_ids, item_table)
        self.first_stage = first_stage
        self.found_themes = False  # whether the router's themes are this ranker's own finding
        self._numbers_trained: bool | None = None  # by the first stage, for these quantiles; None: as found in a file
        self.embedding_dim = embedding_dim
        self.time_scales = tuple(time_scales)
        self.affinity_levels = affinity_levels
        self.event_dropout = event_dropout
        self.session_gap = session_gap
        self.seed_generator = keras.random.SeedGenerator(0)
        if not 0 <= event_dropout < 1:
            raise ValueError(
                f"event_dropout is a share below 1. Received: event_dropout={event_dropout}; give 0 for none"
            )
        self.sequence = (
            sequence
            if sequence is not None
            else MixtureOfSequence(DIN(dtype=self.dtype_policy), dtype=self.dtype_policy)
        )
        if self.sequence.compute_dtype != self.compute_dtype:
            raise ValueError(
                "a ranker and its sequence layer compute in one precision. "
                f"Received: {self.dtype_policy.name} around {self.sequence.dtype_policy.name}; give both the same dtype"
            )
        self.embed = FeatureEmbedding(
            self.spec,
            self.num_ids,
            embedding_dim,
            item_dropout,
            embedding_learning_scale,
            item_start,
            item_table,
            name="embed",
            dtype=self.dtype_policy,
        )
        self.event_time = None
        if time_features:
            self.event_time = EventTimeEmbedding(embedding_dim, name="event_time", dtype=self.dtype_policy)
        self.router = self._own_router()
        looked_up = [f.name for f in self.spec.table_features if f.kind == "categorical"]
        self.candidate_numbers = CandidateNumbers(
            {name: self.num_ids[name] for name in (*self.spec.item_categoricals, *looked_up)},
            self.router.num_themes if self.router else (),
            self._number_columns,
            time_scales,
            priors,
            affinity_levels,
            similarity,
            name="candidate_numbers",
        )
        self.head = RankingHead(
            number_units, number_dim, cross_layers=cross_layers, name="head", dtype=self.dtype_policy
        )
        self._build_sublayers()
        self.theme_load = ThemeLoad(self._routing_themes, name="theme") if self.router else None
        self.unknown_items = keras.metrics.Mean("unknown_items") if item_table is not None else None

    def _own_router(self) -> Any:
        if not isinstance(self.sequence, MixtureOfSequence):
            return None
        if self.sequence.router is not None and not self.sequence.router.routes_tokens:
            raise ValueError(
                "a ranker routes by the theme token of its spec. "
                f"Received: a mixture with {type(self.sequence.router).__name__}; give a ThemeRouter, or none"
            )
        return self.sequence.router or self.sequence.make_router(self.num_ids[self.spec.theme_token])

    @property
    def _routing_themes(self) -> int:
        return self.router.num_themes[self.router.routing_resolution]

    @property
    def adapted(self) -> bool:
        """Whether themes and quantiles are known, found here or before saving."""
        return self.head.adapted and (self.router is None or self.router.adapted)

    @property
    def affinity(self) -> HistoryAffinity | None:
        """The affinity of the levels that matches are counted at, or None."""
        return self.candidate_numbers.affinity

    @property
    def _number_columns(self) -> list[str]:
        """Numeric features of candidates and of the request, which enter the tower of numbers."""
        columns = self.spec.columns()
        travelling = [c.key for c in columns if c.dtype == "float32" and c.role in ("candidate", "context")]
        return travelling + [CANDIDATE + f.name for f in self.spec.table_features if f.kind == "numeric"]

    def _build_sublayers(self) -> None:
        """All sizes are known from the arguments, so a ranker is built as soon as it is made (and so it reloads)."""
        vector, ragged = (None, self.embedding_dim), (None, None, self.embedding_dim)
        numbers = (None, self.candidate_numbers.output_dim)
        if not self.sequence.built:  # it is, where it was read from a file
            self.sequence.build(ragged, ragged, *([numbers] if self.router else []))
        if self.sequence.output_dim != self.embedding_dim:
            raise ValueError(
                "a history's vector meets the candidate's, so both have one width. "
                f"Received: output_dim={self.sequence.output_dim}, embedding_dim={self.embedding_dim}; make them equal"
            )
        evidence = self.sequence.evidence_dim + (self.embedding_dim if self.embed.has_context else 0)
        self.head.build(numbers, vector, vector, (None, evidence))
        # From the start and not only after the first stage, so that the optimizer of a file finds the same weights.
        self.head.hold_numbers(self.first_stage is not None and self.first_stage.hold)
        self.built = True

    def prepare(self, dataset: tf.data.Dataset, max_batches: int | None) -> None:
        if not self.adapted:
            self.adapt(dataset, max_batches=max_batches)
        trained = self.embed.trained if self._numbers_trained is None else self._numbers_trained
        if self.first_stage is not None and self.candidate_numbers.output_dim and not trained:
            epochs, loss = train_first_stage(self, _bounded(dataset, max_batches), self.first_stage)
            self._numbers_trained = True
            print(f"{self.name}: trained the tower of numbers for {epochs} epochs, loss {loss:.4f}")

    def adapt(
        self, dataset: tf.data.Dataset, *, max_batches: int | None = None, theme_start: int | None = None
    ) -> None:
        """Finds themes, priors and the quantiles of the numbers in training requests anew, and says so.

        Themes that the router brought along, adapted before, are kept. Where there is a first stage, the next `fit`
        begins with it.

        Args:
            dataset: batches of (features, label) from the training period.
            max_batches: how much of the dataset to look at; needed where it repeats for ever.
            theme_start: UTC seconds before which themes are found; default the first training request's time.

        Raises:
            ValueError: an endless dataset without `max_batches`.
            DataError: the histories hold too few sessions to find themes in.
        """
        adapt_ranker(self, _bounded(dataset, max_batches), theme_start)
        self._numbers_trained = False

    def update_metrics(self, x: Features) -> None:
        if self.theme_load is not None:
            self.theme_load.update_state(self.themes_of(x)[0][:, self.router.routing_resolution])
        if self.unknown_items is not None:
            self.unknown_items.update_state(self.item_table.unknown(x[CANDIDATE + ITEM_ID].flat_values))

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
            "item_table": keras.saving.serialize_keras_object(self.item_table) if self.item_table else None,
            "objective": self.objective.model_dump(),
            "first_stage": self.first_stage.model_dump() if self.first_stage else None,
            "embedding_dim": self.embedding_dim,
            "embedding_learning_scale": self.embed.learning_scale,
            "item_start": self.embed.item_start,
            "time_scales": list(self.time_scales),
            "affinity_levels": None if self.affinity_levels is None else list(self.affinity_levels),
            "similarity": self.candidate_numbers.similarity is not None,
            "time_features": self.event_time is not None,
            "priors": self.candidate_numbers.priors is not None,
            "number_units": list(self.head.number_units),
            "number_dim": self.head.number_dim,
            "cross_layers": self.head.cross_layers,
            "event_dropout": self.event_dropout,
            "item_dropout": self.embed.item_dropout,
            "session_gap": self.session_gap,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: Any = None) -> "SequenceRanker":
        # Files of before there was similarity have none, and of before the tower of numbers was narrow a wide one.
        config = {"similarity": False, "number_units": (128, 128), "number_dim": 8, **config}
        for name in ("sequence", "dtype", "item_table"):
            if config[name] is not None:
                config[name] = keras.saving.deserialize_keras_object(config[name], custom_objects)
        config["objective"] = Objective.model_validate(config["objective"])
        if config["first_stage"]:
            # Files of before it was held train on as they did.
            config["first_stage"] = FirstStage.model_validate({"hold": False, **config["first_stage"]})
        return cls(**config)


def _bounded(dataset: tf.data.Dataset, max_batches: int | None) -> tf.data.Dataset:
    if max_batches is None and dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise ValueError("adapt needs an end. Received: a dataset that repeats for ever; pass max_batches")
    return dataset if max_batches is None else dataset.take(max_batches)
