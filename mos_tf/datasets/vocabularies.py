"""Vocabularies of training requests, where no Transform makes them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from mos_tf.datasets.tensors import parse_spec
from mos_tf.features import FeatureSpec
from mos_tf.vocabulary import Vocabulary


def count_vocabularies(
    files: Sequence[str | Path], spec: FeatureSpec, min_count: Mapping[str, int] | None = None
) -> dict[str, Vocabulary]:
    """Returns one vocabulary a categorical feature, counted over the histories and candidates of requests.

    Args:
        files: gzipped TFRecords of *training* requests: a vocabulary that knows later items leaks.
        spec: the features of the requests.
        min_count: by feature, how often a string must occur to get an id of its own; default once.
    """
    counts: dict[str, Counter[bytes]] = {name: Counter() for name in spec.categoricals}
    for serialized in tf.data.TFRecordDataset([str(file) for file in files], compression_type="GZIP").batch(512):
        features = tf.io.parse_example(serialized, parse_spec(spec))
        for column in spec.columns():
            if column.categorical:
                values = features[column.key]
                counts[column.feature].update((values.flat_values if column.ragged else values).numpy().tolist())
    return {
        name: Vocabulary.from_counts(
            {token.decode(): n for token, n in counted.items()}, (min_count or {}).get(name, 1)
        )
        for name, counted in counts.items()
    }
