"""A feature without a vocabulary has the same ids from Transform as in a notebook."""

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform import beam as tft_beam
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder
from tfx_bsl.tfxio.tensor_adapter import TensorAdapterConfig

from mos_tf import Feature, FeatureSpec, Request, Vocabulary
from mos_tf.datasets.tensors import encode, parse_spec
from tfx_pipeline.config import RequestConfig
from tfx_pipeline.preprocessing import preprocessing_fn
from tfx_pipeline.schema import request_schema

SPEC = FeatureSpec(
    features=(
        Feature(name="kind", of="item", hash_buckets=11),
        Feature(name="shop", of="context", hash_buckets=5),
        Feature(name="tags", of="item_table", kind="tags"),
    ),
    theme_token="kind",
)
SPLITS = {"train_start": 0, "train_end": 100, "eval_end": 200, "test_end": 300}


def request() -> bytes:
    def items(names: list[str], kinds: list[str]) -> dict[str, np.ndarray]:
        return {"item_id": np.array(names, object), "kind": np.array(kinds, object)}

    return (
        Request(
            user_id="ann",
            request_time=50,
            history={**items(["tea", "jam"], ["drink", "food"]), "timestamp": np.arange(2)},
            candidates=items(["tea", "caviar", "milk"], ["drink", "", "unheard of"]),
            label=np.zeros(3, np.float32),
            context={"shop": "north"},
        )
        .to_example(SPEC)
        .SerializeToString()
    )


def test_transform_and_notebook_hash_alike_and_the_empty_string_has_the_last_id(tmp_path):
    batch = ExamplesToRecordBatchDecoder().DecodeBatch([request()])
    schema = request_schema(SPEC, RequestConfig(splits=SPLITS))
    tensors = TensorAdapterConfig(batch.schema, dict(schema.tensor_representation_group[""].tensor_representation))
    config = {"spec": SPEC.model_dump(mode="json"), "min_count": {"item_id": 1}}
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(tmp_path / "temp"), force_tf_compat_v1=False):
        (
            (pipeline | beam.Create([batch]), tensors)
            | tft_beam.AnalyzeDataset(lambda inputs: preprocessing_fn(inputs, config))
            | tft_beam.WriteTransformFn(str(tmp_path))
        )
    output = tft.TFTransformOutput(str(tmp_path))
    transformed = output.transform_features_layer()(tf.io.parse_example([request()], parse_spec(SPEC, labels=False)))
    tables = {"item_id": Vocabulary.load(output.vocabulary_file_by_name("item_id")).table()}
    told = encode(tf.io.parse_example([request()], parse_spec(SPEC)), SPEC, tables)
    for key in ("history_kind", "candidate_kind", "shop"):
        assert transformed[key].numpy().tolist() == told[key].numpy().tolist()
    assert told["candidate_kind"][0, 1] == 11
    assert told["candidate_kind"][0, 0] == told["history_kind"][0, 0] < 11
