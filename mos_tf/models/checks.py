"""Are these the features of requests that a ranker was made for? Asked before anything is computed, at no cost."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from mos_tf.features import FeatureSpec


def check_features(spec: FeatureSpec, features: Mapping[str, Any]) -> None:
    """Checks names, raggedness and kinds of numbers; what the values are is known only when it runs.

    Args:
        spec: what the ranker was made for.
        features: a batch of requests, vocabulary ids in place of strings.

    Raises:
        ValueError: a missing feature, a dense one where a request has any number of values or the other way round, a
            wrong kind of number.
    """
    columns = [column for column in spec.columns(labels=False) if column.role != "user"]
    if missing := [column.key for column in columns if column.key not in features]:
        raise ValueError(
            f"a request has all features of its spec. Received: {sorted(features)}, without {missing}; "
            "load_requests reads them all"
        )
    for column in columns:
        value = features[column.key]
        if not isinstance(value, (tf.Tensor, tf.RaggedTensor)):
            value = tf.convert_to_tensor(value)
        is_ragged = isinstance(value, tf.RaggedTensor)
        if is_ragged != column.ragged:
            wanted = "a tf.RaggedTensor [batch, (values)]" if column.ragged else "a dense tensor [batch]"
            raise ValueError(f"{column.key} is {wanted}. Received: {type(value).__name__} of shape {value.shape}")
        rank = 2 if column.ragged else 1
        if value.shape.rank != rank:
            raise ValueError(f"{column.key} has {rank} axes. Received: shape {value.shape}")
        if column.dtype == "float32" and value.dtype != tf.float32:
            raise ValueError(f"{column.key} holds numbers of float32. Received: {value.dtype.name}; tf.cast them")
        if column.dtype != "float32" and not value.dtype.is_integer:
            raise ValueError(
                f"{column.key} holds integers (ids, or whole seconds). Received: {value.dtype.name}; "
                "the vocabularies of count_vocabularies turn strings into ids"
            )
