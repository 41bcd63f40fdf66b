"""`preprocessing_fn`: raw requests → model inputs, derived from the feature spec alone."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from mos_tf.datasets.tensors import hash_ids, hash_user_ids
from mos_tf.features import USER_ID, FeatureSpec

Tensors = Mapping[str, tf.Tensor | tf.RaggedTensor]


def preprocessing_fn(inputs: Tensors, custom_config: Mapping[str, Any]) -> Tensors:
    """Gives every column but the label the form that `SequenceRanker` takes; the keys stay.

    Categorical strings become ids: 0..V-1 of the feature's vocabulary, V for everything else. A feature has one
    vocabulary, shared by history and candidates and counted over both, in the file `<feature>` of the transform's
    assets. A feature with hash buckets has none: its ids are those of `hash_ids`, as in a notebook. User ids become
    int64 fingerprints. Numbers pass; the model standardises them itself.

    Args:
        inputs: tensors of a batch of raw requests by column key: RaggedTensors for lists, dense ones for scalars.
        custom_config: `spec`, a `FeatureSpec` as JSON, and `min_count`, the threshold of each categorical feature.
    """
    spec = FeatureSpec.model_validate(custom_config["spec"])
    vocabularies = {
        feature: tft.vocabulary(
            _strings(inputs, spec, feature),
            frequency_threshold=custom_config["min_count"][feature],
            vocab_filename=feature,
            name=f"vocabulary_of_{feature}",
        )
        for feature in spec.categoricals
    }
    hash_buckets = spec.hash_buckets
    outputs = {}
    for column in spec.columns(labels=False):
        value = inputs[column.key]
        if column.feature in hash_buckets:
            value = hash_ids(value, hash_buckets[column.feature])
        elif column.categorical:
            value = tft.apply_vocabulary(value, vocabularies[column.feature], num_oov_buckets=1)
        outputs[column.key] = value
    outputs[USER_ID] = hash_user_ids(inputs[USER_ID])
    return outputs


def _strings(inputs: Tensors, spec: FeatureSpec, feature: str) -> tf.Tensor:
    """All values of a feature in a batch, wherever they occur, flat."""
    values = [inputs[column.key] for column in spec.columns() if column.feature == feature]
    return tf.concat([v.flat_values if isinstance(v, tf.RaggedTensor) else v for v in values], axis=0)
