"""Reads request files back."""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from mos_tf import FeatureSpec, Request


def read_requests(files: Sequence[Path], spec: FeatureSpec) -> list[Request]:
    """Returns every request of gzipped TFRecords, in order."""
    records = tf.data.TFRecordDataset([str(file) for file in files], compression_type="GZIP").as_numpy_iterator()
    return [Request.from_example(tf.train.Example.FromString(record), spec) for record in records]
