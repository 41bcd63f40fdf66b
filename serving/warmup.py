"""Warm-up requests inside a SavedModel: the server answers them before it reports ready, so no user waits for it."""

import itertools
import os
from collections.abc import Iterator, Sequence

import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from mos_tf.features import LABEL, USER_ID

FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000  # TF Serving refuses a model with more


def write_warmup(model_dir: str, examples: Sequence[bytes], signatures: Sequence[str]) -> None:
    """Writes one request for each batch size from 1 to the number of examples and each signature, 1000 at most.

    What a server has to do for the first time depends on the shapes alone, and a model must not carry anybody's
    history about. So lists keep their length, but all their values become the first one, and users have no name.

    Args:
        model_dir: directory of a SavedModel.
        examples: serialized requests; labels are dropped. None writes nothing.
        signatures: names of the signatures to call; their input is `examples`.
    """
    if not examples:
        return
    path = os.path.join(model_dir, FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for record in itertools.islice(_records(examples, signatures), MAX_RECORDS):
            writer.write(record.SerializeToString())


def _records(examples: Sequence[bytes], signatures: Sequence[str]) -> Iterator[prediction_log_pb2.PredictionLog]:
    emptied = [_emptied(example) for example in examples]
    for size in range(1, len(emptied) + 1):
        batch = tf.make_tensor_proto(emptied[:size], dtype=tf.string)
        for signature in signatures:
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(signature_name=signature), inputs={"examples": batch}
            )
            yield prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))


def _emptied(serialized: bytes) -> bytes:
    example = tf.train.Example.FromString(serialized)
    features = example.features.feature
    features.pop(LABEL, None)
    for feature in features.values():
        kind = feature.WhichOneof("kind")
        if kind is not None:
            values = getattr(feature, kind).value
            values[:] = values[:1] * len(values)
    features[USER_ID].bytes_list.value[:] = [b"warm-up"]
    return example.SerializeToString()
