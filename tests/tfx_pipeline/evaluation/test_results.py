import json
import math

import pytest
import tensorflow as tf
from tensorflow_model_analysis.proto.metrics_for_slice_pb2 import MetricsForSlice

from mos_tf.insight.results import Evaluation
from tfx_pipeline.evaluation.gates import Gate
from tfx_pipeline.evaluation.results import count_without_candidates, read_evaluation

GATES = (Gate("auc", "value", 0.8), Gate("gauc", "change", -0.005))


def write(directory, slices: dict[str, dict]) -> str:
    """Writes metrics as TFMA does: slice → {(metric, model, is a difference): value}."""
    with tf.io.TFRecordWriter(str(directory / "metrics-00000-of-00001.tfrecord")) as writer:
        for bucket, values in slices.items():
            metrics = MetricsForSlice()
            if bucket:
                metrics.slice_key.single_slice_keys.add(column="history_length", bytes_value=bucket.encode())
            for (name, model, is_diff), value in values.items():
                pair = metrics.metric_keys_and_values.add()
                pair.key.name, pair.key.model_name, pair.key.is_diff = name, model, is_diff
                pair.value.double_value.value = value
            writer.write(metrics.SerializeToString())
    return str(directory)


def read(directory, baseline: str | None = None, blessed: bool = True) -> Evaluation:
    return read_evaluation(directory, GATES, blessed=blessed, baseline=baseline, without_candidates=2)


def test_a_first_model_has_metrics_by_slice_and_no_comparison(tmp_path):
    directory = write(tmp_path, {"1-9": {("auc", "", False): 0.7}, "": {("auc", "", False): 0.9}})

    evaluation = read(directory)

    assert [(m.slice, m.metric, m.value, m.baseline_value) for m in evaluation.metrics] == [
        ("overall", "auc", 0.9, None),
        ("history_length=1-9", "auc", 0.7, None),
    ]
    assert [(gate.metric, gate.kind, gate.passed) for gate in evaluation.gates] == [("auc", "value", True)]


def test_a_later_model_stands_beside_the_baseline(tmp_path):
    values = {
        ("gauc", "candidate", False): 0.70,
        ("gauc", "baseline", False): 0.71,
        ("gauc", "candidate", True): -0.01,
        ("auc", "candidate", False): 0.75,
        ("auc", "baseline", False): 0.81,
    }

    evaluation = read(write(tmp_path, {"": values}), baseline="Trainer/model/8", blessed=False)

    assert evaluation.find("gauc", "overall").baseline_value == 0.71
    assert [(gate.metric, gate.value, gate.threshold, gate.passed) for gate in evaluation.gates] == [
        ("auc", 0.75, 0.8, False),
        ("gauc", -0.01, -0.005, False),
    ]
    assert evaluation.baseline == "Trainer/model/8"


def test_a_metric_that_does_not_exist_is_left_out_and_fails_its_gate(tmp_path):
    evaluation = read(write(tmp_path, {"": {("auc", "", False): math.nan}}), blessed=False)

    assert evaluation.metrics == []
    assert not evaluation.gates[0].passed
    assert Evaluation.model_validate_json(json.dumps(evaluation.model_dump())).gates[0].passed is False


def test_skipped_requests_are_told(tmp_path):
    assert read(write(tmp_path, {"": {}})).skipped_requests == {"without_candidates": 2}


@pytest.mark.parametrize("counts", [[], [3, 0, 1, 0]])
def test_requests_without_candidates_are_counted(tmp_path, counts):
    with tf.io.TFRecordWriter(str(tmp_path / "data.gz"), "GZIP") as writer:
        for count in counts:
            items = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"tea"] * count))
            example = tf.train.Example(features=tf.train.Features(feature={"candidate_item_id": items}))
            writer.write(example.SerializeToString())

    assert count_without_candidates(str(tmp_path)) == counts.count(0)
