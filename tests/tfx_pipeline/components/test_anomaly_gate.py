from collections.abc import Callable
from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import Artifact

from mos_tf.errors import DataError
from tfx_pipeline.components.anomaly_gate import AnomalyGate


@pytest.fixture
def anomalies(artifact: Callable[..., Artifact]) -> Callable[..., Artifact]:
    """Makes the ExampleValidator's artifact: anomalous features by split."""

    def make(data_set: str = "", **splits: dict[str, str]) -> Artifact:
        made = artifact("ExampleAnomalies")
        made.splits = list(splits)
        for split, features in splits.items():
            found = anomalies_pb2.Anomalies()
            for name, description in features.items():
                found.anomaly_info[name].description = description
            if data_set:
                found.dataset_anomaly_info.description = data_set
            directory = Path(made.uri) / f"Split-{split}"
            directory.mkdir()
            (directory / "SchemaDiff.pb").write_bytes(found.SerializeToString())
        return made

    return make


def test_data_that_agrees_with_the_schema_passes(anomalies: Callable[..., Artifact]):
    AnomalyGate.test_call(anomalies=anomalies(train={}, eval={}, test={}))


def test_an_anomaly_in_any_split_stops_the_run_and_is_named(anomalies: Callable[..., Artifact]):
    with pytest.raises(DataError, match="Received: split 'test', feature 'label': Values above 1. Correct"):
        AnomalyGate.test_call(anomalies=anomalies(train={}, test={"label": "Values above 1."}))


def test_further_anomalies_are_counted(anomalies: Callable[..., Artifact]):
    found = anomalies(train={"price": "Missing.", "label": "Values above 1."}, test={"label": "Values above 1."})
    with pytest.raises(DataError, match="split 'train', feature 'label': Values above 1, and 2 more"):
        AnomalyGate.test_call(anomalies=found)


def test_an_anomaly_of_the_whole_data_set_stops_the_run(anomalies: Callable[..., Artifact]):
    with pytest.raises(DataError, match="split 'eval', data set: Too few examples"):
        AnomalyGate.test_call(anomalies=anomalies(data_set="Too few examples.", eval={}))
