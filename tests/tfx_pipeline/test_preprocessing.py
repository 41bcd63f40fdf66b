from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import beam as tft_beam
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder
from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

from mos_tf import Feature, FeatureSpec, Request, Vocabulary
from mos_tf.datasets.tensors import hash_user_ids, parse_spec
from tfx_pipeline.config import RequestConfig
from tfx_pipeline.preprocessing import preprocessing_fn
from tfx_pipeline.schema import request_schema

SPEC = FeatureSpec(
    features=(
        Feature(name="kind", of="item"),
        Feature(name="shop", of="context"),
        Feature(name="price", of="candidate", kind="numeric"),
    ),
    theme_token="kind",
)
SPLITS = {"train_start": 0, "train_end": 100, "eval_end": 200, "test_end": 300}


KINDS = {"tea": "drink", "milk": "drink", "jam": "food", "rye bread": "food"}


def items(names: list[str]) -> dict[str, np.ndarray]:
    return {"item_id": np.array(names, object), "kind": np.array([KINDS.get(name, "") for name in names], object)}


def request(user: str, bought: list[str], offered: list[str], shop: str = "north") -> bytes:
    request = Request(
        user_id=user,
        request_time=50,
        history={**items(bought), "timestamp": np.arange(len(bought))},
        candidates={**items(offered), "price": np.ones(len(offered))},
        label=np.zeros(len(offered), np.float32),
        context={"shop": shop},
    )
    return request.to_example(SPEC).SerializeToString()


@pytest.fixture(scope="module")
def transform(tmp_path_factory) -> tft.TFTransformOutput:
    """The transform of three requests: tea is met 4 times, rye bread 3, jam 2, milk and an unnamed item once."""
    examples = [
        request("ann", ["tea", "jam", "tea"], ["rye bread", "milk"]),
        request("bob", ["rye bread"], ["tea", "rye bread", ""]),
        request("eve", [], ["tea", "jam"], shop="south"),
    ]
    directory = str(tmp_path_factory.mktemp("transform"))
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(examples)
    schema = request_schema(SPEC, RequestConfig(splits=SPLITS))
    tensors = TensorAdapterConfig(batch.schema, dict(schema.tensor_representation_group[""].tensor_representation))
    config = {"spec": SPEC.model_dump(mode="json"), "min_count": {"item_id": 2, "kind": 1, "shop": 1}}
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=directory + "/temp", force_tf_compat_v1=False):
        (
            (pipeline | beam.Create([batch]), tensors)
            | tft_beam.AnalyzeDataset(lambda inputs: preprocessing_fn(inputs, config))
            | tft_beam.WriteTransformFn(directory)
        )
    return tft.TFTransformOutput(directory)


@pytest.fixture
def transformed(transform) -> dict:
    raw = tf.io.parse_example([request("zoe", ["milk", "jam"], ["tea"]), request("ann", [], [])], parse_spec(SPEC))
    raw.pop("label")
    return transform.transform_features_layer()(raw)


def test_history_and_candidates_share_one_vocabulary_in_order_of_frequency(transform):
    vocabulary = Vocabulary.load(Path(transform.vocabulary_file_by_name("item_id")))

    assert vocabulary.tokens == ("tea", "rye bread", "jam")


def test_a_vocabulary_file_is_named_after_its_feature(transform):
    files = {feature: Path(transform.vocabulary_file_by_name(feature)).name for feature in SPEC.categoricals}

    assert files == {feature: feature for feature in SPEC.categoricals}


def test_rare_and_unknown_strings_get_the_last_id(transformed):
    assert transformed["history_item_id"].to_list() == [[3, 2], []]
    assert transformed["candidate_item_id"].to_list() == [[0], []]


def test_the_layer_and_the_notebook_vocabulary_give_the_same_ids(transform, transformed):
    vocabulary = Vocabulary.load(Path(transform.vocabulary_file_by_name("kind")))

    assert transformed["history_kind"][0].numpy().tolist() == vocabulary.ids(["drink", "food"]).tolist()


def test_every_column_but_the_label_keeps_its_key(transformed):
    assert set(transformed) == {column.key for column in SPEC.columns(labels=False)}


def test_lists_stay_ragged_and_scalars_dense(transformed):
    kinds = {key: isinstance(value, tf.RaggedTensor) for key, value in transformed.items()}

    assert kinds == {column.key: column.ragged for column in SPEC.columns(labels=False)}


def test_user_ids_become_the_fingerprints_that_a_notebook_sees(transformed):
    assert transformed["user_id"].numpy().tolist() == hash_user_ids(tf.constant(["zoe", "ann"])).numpy().tolist()
