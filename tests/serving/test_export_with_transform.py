"""The export around a real TensorFlow Transform graph, as a pipeline makes it."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from mos_tf import SequenceRanker
from mos_tf.datasets.tensors import hash_user_ids, parse_spec
from serving.export import export_ranker
from serving.loaded_model import LoadedModel
from tests.support.ranked_requests import SPEC

RAW = parse_spec(SPEC, labels=False)


def preprocess(inputs: dict) -> dict:
    """Turns strings into ids by one vocabulary a feature."""
    outputs = {**inputs, "user_id": hash_user_ids(inputs["user_id"])}
    for name in SPEC.categoricals:
        keys = [column.key for column in SPEC.columns() if column.feature == name]
        values = [getattr(inputs[key], "flat_values", inputs[key]) for key in keys]
        vocabulary = tft.vocabulary(tf.concat(values, axis=0), vocab_filename=name)
        for key in keys:
            outputs[key] = tft.apply_vocabulary(inputs[key], vocabulary, num_oov_buckets=1)
    return outputs


def instance(example: bytes) -> dict:
    """One request as Beam analyses it: lists, or scalars."""
    parsed = tf.io.parse_single_example(example, RAW)
    return {key: value.numpy().tolist() if value.shape.rank else value.numpy() for key, value in parsed.items()}


@pytest.mark.slow
def test_a_transform_graph_and_the_ranker_are_served_as_one(ranker: SequenceRanker, examples: list, tmp_path: Path):
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(RAW))
    with tft_beam.Context(temp_dir=str(tmp_path / "temporary")):
        analysed = ([instance(example) for example in examples], metadata) | tft_beam.AnalyzeDataset(preprocess)
        analysed | tft_beam.WriteTransformFn(str(tmp_path / "transform"))  # noqa: B018
    layer = tft.TFTransformOutput(str(tmp_path / "transform")).transform_features_layer()
    expected = ranker(layer(tf.io.parse_example(examples, RAW)))
    export_ranker(ranker, tmp_path / "1", spec=SPEC, transform=layer)
    served = LoadedModel(tmp_path / "1").run("serving_default", {"examples": np.array(examples, dtype=np.object_)})
    for row, wanted in zip(served["scores"], expected, strict=True):
        np.testing.assert_allclose(row[: len(wanted)], wanted.numpy(), rtol=0, atol=1e-5)
