"""Training data: the raw requests of ExampleGen, transformed on the fly by the very graph that the export carries."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import tensorflow as tf
from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tfx.v1.components import FnArgs
from tfx.v1.utils import parse_pbtxt_file
from tfx_bsl.public.tfxio import TensorFlowDatasetOptions

from mos_tf.features import LABEL, USER_ID

Features = Mapping[str, tf.Tensor | tf.RaggedTensor]
_SHUFFLE_BUFFER = 4096


@dataclass(frozen=True)
class Requests:
    """The requests of one or more splits.

    Nothing is materialised between Transform and Trainer: looking up ids costs less than writing, storing and reading
    a second copy of histories, and training, evaluation and serving all read the same bytes.

    Args:
        fn_args: the Trainer's arguments, for its data accessor and schema.
        patterns: glob patterns of the files.
        transform: parsed raw features → model inputs (Transform's layer).
    """

    fn_args: FnArgs
    patterns: list[str]
    transform: Callable[[Features], Features]

    def once(self, batch_size: int) -> tf.data.Dataset:
        """Returns batches of (features, label), in order, each request once."""
        return self._dataset(TensorFlowDatasetOptions(batch_size, num_epochs=1, shuffle=False, label_key=LABEL))

    def endless(self, batch_size: int, seed: int) -> tf.data.Dataset:
        """Returns batches of (features, label) for ever, in a new, seeded order each time round."""
        return self._dataset(
            TensorFlowDatasetOptions(
                batch_size, shuffle=True, shuffle_buffer_size=_SHUFFLE_BUFFER, shuffle_seed=seed, label_key=LABEL
            )
        )

    def _dataset(self, options: TensorFlowDatasetOptions) -> tf.data.Dataset:
        raw = self.fn_args.data_accessor.tf_dataset_factory(
            self.patterns, options, parse_pbtxt_file(self.fn_args.schema_path, Schema())
        )
        transformed = raw.map(
            lambda features, label: (self.transform(features), label), num_parallel_calls=tf.data.AUTOTUNE
        )
        return transformed.prefetch(tf.data.AUTOTUNE)

    def anonymous_examples(self, count: int) -> list[bytes]:
        """Returns the first serialized requests, without labels and without telling whose they are."""
        return [_anonymous(example) for example in islice(self._serialized(), count)]

    def _serialized(self) -> Iterator[bytes]:
        files = sorted(file for pattern in self.patterns for file in tf.io.gfile.glob(pattern))
        return tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()


def _anonymous(serialized: bytes) -> bytes:
    example = tf.train.Example.FromString(serialized)
    example.features.feature.pop(LABEL, None)
    example.features.feature[USER_ID].bytes_list.value[:] = [b""]
    return example.SerializeToString()
