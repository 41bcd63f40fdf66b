"""Gives the Evaluator one extract a candidate, where the model gives one row of scores a request."""

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

from mos_tf.features import HISTORY, LABEL, TIMESTAMP, USER_ID

HISTORY_LENGTH = "history_length"
_READ = (USER_ID, HISTORY + TIMESTAMP, LABEL)
_BUCKETS = ((1, "0"), (10, "1-9"), (100, "10-99"), (500, "100-499"))

Extracts = dict[str, Any]


def custom_extractors(
    eval_shared_model: Any, eval_config: Any, tensor_adapter_config: TensorAdapterConfig
) -> list[tfma.extractors.Extractor]:
    """Returns the default extractors with `explode` after the one that parts batches into requests.

    Of the features only those that slices and metrics need are turned into tensors; the model parses the serialized
    requests by itself.
    """
    read = TensorAdapterConfig(
        arrow_schema=tensor_adapter_config.arrow_schema,
        tensor_representations={name: tensor_adapter_config.tensor_representations[name] for name in _READ},
    )
    extractors = tfma.default_extractors(
        eval_shared_model=eval_shared_model, eval_config=eval_config, tensor_adapter_config=read
    )
    unbatch = [extractor.stage_name for extractor in extractors].index("ExtractUnbatchedInputs")
    candidates = tfma.extractors.Extractor(stage_name="ExplodeCandidates", ptransform=beam.FlatMap(explode))
    return [*extractors[: unbatch + 1], candidates, *extractors[unbatch + 1 :]]


def explode(request: Extracts) -> Iterator[Extracts]:
    """Yields one extract for each candidate of a request.

    Args:
        request: extracts of one request: `labels` [n], `predictions` with `scores` [at least n, then padding], both
            by model name where there is a baseline; and its `features`.

    Yields:
        `labels` [1], `predictions` with `scores` [1], and as features the user and the bucket of the history's
        length. Nothing for a request without candidates.
    """
    history = np.asarray(request["features"][HISTORY + TIMESTAMP])
    features = {
        USER_ID: request["features"][USER_ID],
        HISTORY_LENGTH: np.array([length_bucket(history.size)], dtype=np.object_),
    }
    kept = ("features", "labels", "predictions", "input", "transformed_features")
    rest = {key: value for key, value in request.items() if key not in kept}
    labels, predictions = request["labels"], request["predictions"]
    by_model = isinstance(labels, dict)
    count = np.size(next(iter(labels.values())) if by_model else labels)
    for i in range(count):
        yield {
            **rest,
            "features": features,
            "labels": {name: _one(value, i) for name, value in labels.items()} if by_model else _one(labels, i),
            "predictions": (
                {name: _score(value, i) for name, value in predictions.items()} if by_model else _score(predictions, i)
            ),
        }


def length_bucket(length: int) -> str:
    """Returns the slice of a history of `length` events: "0", "1-9", "10-99", "100-499" or "500+"."""
    return next((name for limit, name in _BUCKETS if length < limit), "500+")


def _one(values: Any, i: int) -> np.ndarray:
    return np.ravel(values)[i : i + 1]


def _score(predictions: dict[str, Any], i: int) -> dict[str, np.ndarray]:
    return {"scores": _one(predictions["scores"], i)}
