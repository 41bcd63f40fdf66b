"""Deep & Cross Network (DCN-v2) with the cross layer of TensorFlow Recommenders, which is made for Keras 2."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.preprocessing import StandardScaler

from mos_tf.errors import MosError
from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID
from mos_tf.ragged import Rows, row_ids, row_means
from mos_tf.study.data import StudyData
from mos_tf.study.measures import Judge
from mos_tf.study.numbers import numbers_of, splits_of
from mos_tf.study.requests import Requests

_NUMBERS = "numbers"
_CROSSES = 2
_UNITS = (128, 64)
_SCORED = 256  # requests a batch


def deep_cross_network(data: StudyData, seed: int, trial: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns probabilities of the validation and test candidates, [M] each.

    The network has a ranker's numbers, ids and histories, and its budget but for the first stage: steps, batches, AdamW
    whose learning rate falls along a cosine, and the scores of the best of its validations by GAUC. More steps in place
    of a first stage, six times through the training requests, made it worse on a made log (AUC .760 for .782).

    Raises:
        MosError: TensorFlow Recommenders is not installed, or TensorFlow does not have Keras 2.
    """
    cross = _cross_layer()
    tf.keras.utils.set_random_seed(seed)
    budget = data.config.budget
    splits = _with_numbers(data)
    network = DeepCrossNetwork(data, [cross() for _ in range(_CROSSES)])
    schedule = tf.keras.optimizers.schedules.CosineDecay(budget.learning_rates[trial], budget.steps)
    optimizer = tf.keras.optimizers.AdamW(schedule, weight_decay=1e-4)
    batches = splits["train"].batches(budget.batch_size, shuffled_by=seed).repeat()
    network(next(iter(batches))[0])  # makes the weights
    optimizer.build(network.trainable_variables)

    @tf.function(reduce_retracing=True)
    def step(features: Mapping[str, Any], label: tf.RaggedTensor) -> None:
        with tf.GradientTape() as tape:
            logits = network(features)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(label.flat_values, logits))
        weights = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))

    score = tf.function(lambda features: tf.sigmoid(network(features)), reduce_retracing=True)

    def scores_of(requests: Requests) -> np.ndarray:
        return np.concatenate([score(features).numpy() for features, _ in requests.batches(_SCORED)])

    judge, parts = Judge(data.validation), min(budget.validations, budget.steps)
    training, best, kept = iter(batches), -np.inf, None
    for _ in range(parts):
        for features, label in islice(training, budget.steps // parts):
            step(features, label)
        validation = scores_of(splits["validation"])
        gauc = judge.metrics(validation)["gauc"]  # 1/2 where the training has diverged
        if kept is None or gauc > best:
            best, kept = gauc, (validation, scores_of(splits["test"]))
    assert kept is not None
    return kept


class DeepCrossNetwork(tf.Module):
    """Crosses of numbers, embeddings and mean-pooled histories, then a dense head.

        x_0 = [standardised φ, v_f, mean_t x_tf  for f of item and categories]
        logit = MLP(Cross(… Cross(x_0)))

    Args:
        data: features and ids.
        crosses: cross layers, new.

    References:
        Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale Learning to Rank
        Systems", WWW 2021.
    """

    def __init__(self, data: StudyData, crosses: list[Any]):
        super().__init__()
        layers, dim = tf.keras.layers, data.config.budget.embedding_dim
        self.tables = {name: layers.Embedding(data.num_ids[name], dim) for name in data.spec.item_categoricals}
        self.crosses = crosses
        self.head = tf.keras.Sequential([*(layers.Dense(units, "relu") for units in _UNITS), layers.Dense(1)])

    def __call__(self, features: Mapping[str, Any]) -> tf.Tensor:
        """Returns logits of the flat candidates, float32 [M]."""
        rows = row_ids(tf.cast(features[CANDIDATE + ITEM_ID].row_splits, tf.int64))
        parts = [features[_NUMBERS].flat_values]
        for name, table in self.tables.items():
            history = Rows.of(features[HISTORY + name])
            pooled = row_means(history._replace(values=table(history.values)))
            parts += [table(features[CANDIDATE + name].flat_values), tf.gather(pooled, rows)]
        first = crossed = tf.concat(parts, axis=1)
        for cross in self.crosses:
            crossed = cross(first, crossed)
        return tf.squeeze(self.head(crossed), axis=1)


def _with_numbers(data: StudyData) -> dict[str, Requests]:
    """Returns the requests of each split with the standardised numbers of their candidates, priors left out."""
    of_splits = numbers_of(data, "own affinity", 0)
    values = {name: np.hstack(numbers[:-1]) for name, numbers in of_splits.items()}
    scaler = StandardScaler().fit(values["train"])
    numbered = {}
    for name, requests in splits_of(data).items():
        numbers = requests.columns[CANDIDATE + ITEM_ID].with_flat_values(scaler.transform(values[name]))
        numbered[name] = Requests({**requests.columns, _NUMBERS: numbers})
    return numbered


def _cross_layer() -> Any:
    try:
        from tensorflow_recommenders.layers.feature_interaction import Cross
    except ImportError as error:
        raise MosError(
            f'the cross layer is that of TensorFlow Recommenders. Received: {error}; pip install "mos-tf[bench]", and '
            "set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported"
        ) from error
    return Cross
