from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tfx_bsl.public.tfxio import TFExampleRecord

from mos_tf import FeatureSpec, Request
from tfx_pipeline.config import RequestConfig
from tfx_pipeline.schema import request_schema
from tfx_pipeline.training.datasets import Requests

SPEC = FeatureSpec()
SPLITS = {"train_start": 0, "train_end": 1000, "eval_end": 2000, "test_end": 3000}


@pytest.fixture
def requests(tmp_path) -> Requests:
    """Ten requests, of 0 to 9 candidates, as the Trainer finds them."""
    with tf.io.TFRecordWriter(str(tmp_path / "data.gz"), "GZIP") as writer:
        for n in range(10):
            request = Request(
                user_id=f"user-{n}",
                request_time=100 + n,
                history={"item_id": np.array(["tea"]), "timestamp": np.array([n])},
                candidates={"item_id": np.full(n, "jam")},
                label=np.ones(n),
            )
            writer.write(request.to_example(SPEC).SerializeToString())
    schema = request_schema(SPEC, RequestConfig(splits=SPLITS))
    (tmp_path / "schema.pbtxt").write_text(text_format.MessageToString(schema))

    def tf_dataset_factory(patterns, options, schema):
        return TFExampleRecord(patterns, schema=schema, telemetry_descriptors=["test"]).TensorFlowDataset(options)

    fn_args = SimpleNamespace(
        schema_path=str(tmp_path / "schema.pbtxt"), data_accessor=SimpleNamespace(tf_dataset_factory=tf_dataset_factory)
    )
    return Requests(fn_args, [str(tmp_path / "*.gz")], lambda features: {**features, "transformed": tf.constant(1)})


def lengths(batches) -> list[list[int]]:
    return [labels.row_lengths().numpy().tolist() for _, labels in batches]


def test_once_visits_each_request_in_order_with_the_last_batch_short(requests):
    assert lengths(requests.once(4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_endless_visits_each_request_once_a_round_in_an_order_that_the_seed_decides(requests):
    first = lengths(requests.endless(5, seed=1).take(4))

    assert sorted(sum(first[:2], [])) == sorted(sum(first[2:], [])) == list(range(10))
    assert lengths(requests.endless(5, seed=1).take(4)) == first != lengths(requests.endless(5, seed=2).take(4))


def test_features_are_transformed_and_ragged_and_the_label_is_apart(requests):
    features, labels = next(iter(requests.once(3)))

    assert int(features["transformed"]) == 1
    assert "label" not in features
    assert isinstance(features["candidate_item_id"], tf.RaggedTensor)
    assert labels.to_list() == [[], [1.0], [1.0, 1.0]]


def test_examples_to_keep_tell_neither_user_nor_label(requests):
    examples = [tf.train.Example.FromString(example).features.feature for example in requests.anonymous_examples(3)]

    assert [len(example["candidate_item_id"].bytes_list.value) for example in examples] == [0, 1, 2]
    assert [example["user_id"].bytes_list.value[0] for example in examples] == [b""] * 3
    assert not any("label" in example for example in examples)
