"""From serialized requests to the tensors a `SequenceRanker` takes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from mos_tf.features import LABEL, USER_ID, FeatureSpec
from mos_tf.vocabulary import Vocabulary

_DTYPES = {"string": tf.string, "int64": tf.int64, "float32": tf.float32}


def parse_spec(spec: FeatureSpec, *, labels: bool = True) -> dict[str, tf.io.RaggedFeature | tf.io.FixedLenFeature]:
    """Returns the `tf.io.parse_example` specification of a request; an absent list is an empty row."""
    return {
        column.key: (
            tf.io.RaggedFeature(_DTYPES[column.dtype], row_splits_dtype=tf.int64)
            if column.ragged
            else tf.io.FixedLenFeature([], _DTYPES[column.dtype])
        )
        for column in spec.columns(labels=labels)
    }


def hash_user_ids(user_ids: tf.Tensor) -> tf.Tensor:
    """Returns int64 fingerprints of user ids: groups for GAUC that do not name anybody."""
    return tf.strings.to_hash_bucket_fast(user_ids, 2**63 - 1)


def hash_ids(strings: tf.Tensor | tf.RaggedTensor, buckets: int) -> tf.Tensor | tf.RaggedTensor:
    """Returns the int64 ids of a feature without a vocabulary, in the form of the strings.

    Args:
        strings: values; "" is unknown.
        buckets: B; known strings get ids 0..B-1, the same in every process, the unknown one gets B.

    Example:

    >>> hash_ids(tf.constant(["tea", "milk", ""]), buckets=100).numpy().tolist()
    [11, 82, 100]
    """
    if isinstance(strings, tf.RaggedTensor):
        return strings.with_flat_values(hash_ids(strings.flat_values, buckets))
    hashed = tf.strings.to_hash_bucket_fast(strings, buckets)
    return tf.where(tf.equal(strings, ""), tf.cast(buckets, tf.int64), hashed)


def encode(
    features: Mapping[str, tf.Tensor | tf.RaggedTensor],
    spec: FeatureSpec,
    tables: Mapping[str, tf.lookup.StaticHashTable],
) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """Turns parsed requests into model inputs: categorical strings into ids, user ids into fingerprints.

    Args:
        features: tensors by column key, as `tf.io.parse_example` gives them.
        spec: what they are.
        tables: look-up table of each of `spec.categoricals`, by the feature's name.
    """
    hash_buckets = spec.hash_buckets

    def ids(value: tf.Tensor | tf.RaggedTensor, feature: str) -> tf.Tensor | tf.RaggedTensor:
        if feature in hash_buckets:
            return hash_ids(value, hash_buckets[feature])
        if isinstance(value, tf.RaggedTensor):
            return value.with_flat_values(tables[feature].lookup(value.flat_values))
        return tables[feature].lookup(value)

    encoded = {}
    for column in spec.columns(labels=LABEL in features):
        value = features[column.key]
        encoded[column.key] = ids(value, column.feature) if column.categorical else value
    encoded[USER_ID] = hash_user_ids(features[USER_ID])
    return encoded


def load_requests(
    files: Sequence[str | Path],
    spec: FeatureSpec,
    vocabularies: Mapping[str, Vocabulary],
    batch_size: int,
    *,
    shuffle: bool = False,
    seed: int = 0,
) -> tf.data.Dataset:
    """Reads gzipped TFRecords of requests as batches of (features, label) for `SequenceRanker.fit`.

    Args:
        files: paths of the records.
        spec: the features of the requests.
        vocabularies: one for each of `spec.categoricals`.
        batch_size: requests a batch; candidates vary.
        shuffle: whether to visit requests in a new, seeded order each epoch.
        seed: of the order.

    Returns:
        Dataset of (dict by column key, ragged float32 labels [batch, (candidates)]).
    """
    tables = {name: vocabularies[name].table() for name in spec.categoricals}
    dataset = tf.data.TFRecordDataset([str(file) for file in files], compression_type="GZIP")
    if shuffle:
        dataset = dataset.shuffle(4096, seed=seed)

    def tensors(serialized: tf.Tensor) -> tuple[dict, tf.RaggedTensor]:
        features = encode(tf.io.parse_example(serialized, parse_spec(spec)), spec, tables)
        return features, features.pop(LABEL)

    return dataset.batch(batch_size).map(tensors, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
