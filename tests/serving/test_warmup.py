from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from mos_tf import Request
from serving.loaded_model import LoadedModel
from serving.warmup import FILE, write_warmup
from tests.serving.conftest import VERSION
from tests.support.ranked_requests import SPEC, planted_requests


def records(model_dir: Path) -> list[PredictionLog]:
    return [PredictionLog.FromString(raw.numpy()) for raw in tf.data.TFRecordDataset(str(model_dir / FILE))]


def shapes(example: tf.train.Example) -> dict[str, int]:
    feature = example.features.feature
    return {key: len(getattr(value, value.WhichOneof("kind")).value) for key, value in feature.items()}


def test_there_is_a_request_for_each_batch_size_and_signature(model_dir: Path):
    sent = [record.predict_log.request for record in records(model_dir / str(VERSION))]
    sizes = [
        (request.model_spec.signature_name, request.inputs["examples"].tensor_shape.dim[0].size) for request in sent
    ]
    assert sizes == [(name, size) for size in (1, 2, 3) for name in ("serving_default", "explain")]


def test_the_model_answers_its_own_warm_up(model_dir: Path, requests: list[Request]):
    model = LoadedModel(model_dir / str(VERSION))
    for record in records(model_dir / str(VERSION)):
        request = record.predict_log.request
        answer = model.run(request.model_spec.signature_name, {"examples": tf.make_ndarray(request.inputs["examples"])})
        size = len(answer["scores"])
        assert answer["num_candidates"].tolist() == [request.num_candidates for request in requests[:size]]
        assert np.isfinite(answer["scores"]).all()


def test_nobody_and_no_history_can_be_read_from_it(tmp_path: Path):
    request = planted_requests([9], [4])[0]
    write_warmup(str(tmp_path), [request.to_example(SPEC).SerializeToString()], ["serving_default"])
    written = records(tmp_path)[0].predict_log.request.inputs["examples"].string_val[0]
    example = tf.train.Example.FromString(written)
    wanted = request.to_example(SPEC)
    del wanted.features.feature["label"]
    assert shapes(example) == shapes(wanted)
    assert example.features.feature["user_id"].bytes_list.value[:] == [b"warm-up"]
    assert len(set(example.features.feature["history_item_id"].bytes_list.value)) == 1
    assert request.user_id.encode() not in (tmp_path / FILE).read_bytes()


def test_there_are_never_more_records_than_tf_serving_takes(tmp_path: Path):
    empty = tf.train.Example().SerializeToString()
    write_warmup(str(tmp_path), [empty] * 600, ["serving_default", "explain"])
    assert len(records(tmp_path)) == 1000


def test_without_examples_there_is_no_file(tmp_path: Path):
    write_warmup(str(tmp_path), [], ["serving_default"])
    assert list(tmp_path.iterdir()) == []
