import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics.stats_impl import generate_statistics_in_memory
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder
from tfx_bsl.tfxio.tensor_adapter import TensorAdapter, TensorAdapterConfig

from mos_tf import Feature, FeatureSpec, Request
from tfx_pipeline.config import RequestConfig
from tfx_pipeline.schema import checked_columns, request_schema

SPEC = FeatureSpec(
    features=(
        Feature(name="kind", of="item"),
        Feature(name="amount", of="event", kind="numeric"),
        Feature(name="shop", of="context"),
    ),
    theme_token="kind",
)
REQUESTS = RequestConfig(
    splits={"train_start": 1000, "train_end": 2000, "eval_end": 3000, "test_end": 4000}, max_history=5
)
SCHEMA = request_schema(SPEC, REQUESTS)


def example(events: int = 2, candidates: int = 3) -> tf.train.Example:
    request = Request(
        user_id="ann",
        request_time=1500,
        history={
            "item_id": np.full(events, "tea"),
            "timestamp": np.arange(events),
            "kind": np.full(events, "drink"),
            "amount": np.ones(events),
        },
        candidates={"item_id": np.full(candidates, "jam"), "kind": np.full(candidates, "food")},
        label=np.arange(candidates) % 2,
        context={"shop": "north"},
    )
    return request.to_example(SPEC)


def anomalies(*examples: tf.train.Example) -> dict[str, str]:
    """What the ExampleValidator finds, by feature."""
    batch = ExamplesToRecordBatchDecoder().DecodeBatch([value.SerializeToString() for value in examples])
    options = tfdv.StatsOptions(feature_allowlist=checked_columns(SPEC))
    found = tfdv.validate_statistics(generate_statistics_in_memory(batch, options), SCHEMA).anomaly_info
    return {feature: info.description for feature, info in found.items()}


def test_requests_agree_with_it_even_without_events_or_candidates():
    assert anomalies(example(), example(events=0), example(candidates=0)) == {}


@pytest.mark.parametrize(
    ("feature", "values", "complaint"),
    [
        ("label", [0.0, 1.0, 2.0], "Unexpectedly high value: 2"),
        ("label", [0.0, 1.0, float("nan")], "NaN"),
        ("history_amount", [1.0, float("inf")], "Inf"),
        ("request_time", [10], "Unexpectedly small value: 10"),
        ("history_timestamp", [1, 5000], "Unexpectedly large value: 5000"),
        ("history_kind", [b"drink"] * 6, "more values than expected"),
        ("shop", [b"north", b"south"], "more values than expected"),
        ("shop", [], "fewer values than expected"),
        ("label", [0, 1, 0], "FLOAT but got INT"),
        ("candidate_kind", None, "fewer examples than expected"),
    ],
)
def test_a_request_that_breaks_a_rule_is_an_anomaly_of_that_feature(feature, values, complaint):
    broken = example()
    broken.features.feature.pop(feature, None)
    if values is not None:
        kind = {bytes: "bytes_list", float: "float_list", int: "int64_list"}[type(values[0]) if values else bytes]
        getattr(broken.features.feature[feature], kind).value[:] = values
    good = [] if feature == "label" else [example()]

    found = anomalies(broken, *good)

    assert list(found) == [feature]
    assert complaint in found[feature]


def test_statistics_are_kept_of_all_columns_but_the_user():
    assert checked_columns(SPEC) == [column.key for column in SPEC.columns() if column.key != "user_id"]


def test_a_new_feature_needs_no_line_here():
    names = {feature.name: feature.type for feature in SCHEMA.feature}

    assert names["history_amount"] == schema_pb2.FLOAT
    assert names["shop"] == schema_pb2.BYTES
    assert set(names) == {column.key for column in SPEC.columns()}


def test_lists_are_read_as_ragged_tensors_and_scalars_as_dense_ones():
    batch = ExamplesToRecordBatchDecoder().DecodeBatch([example(events=0).SerializeToString()])
    representations = dict(SCHEMA.tensor_representation_group[""].tensor_representation)

    tensors = TensorAdapter(TensorAdapterConfig(batch.schema, representations)).ToBatchTensors(batch)

    assert {key: isinstance(value, tf.RaggedTensor) for key, value in tensors.items()} == {
        column.key: column.ragged for column in SPEC.columns()
    }
    assert tensors["history_kind"].row_splits.dtype == tf.int64
