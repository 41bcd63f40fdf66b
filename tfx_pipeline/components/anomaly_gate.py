"""`AnomalyGate`: stops the run where the data does not agree with the schema."""

import os

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.v1.dsl.components import InputArtifact, component
from tfx.v1.dsl.io import fileio
from tfx.v1.types.standard_artifacts import ExampleAnomalies

from mos_tf.errors import DataError


@component
def AnomalyGate(  # noqa: N802 (a component is named like a class)
    anomalies: InputArtifact[ExampleAnomalies],
) -> None:
    """Fails when the ExampleValidator found anomalies in any split; the stock one records them and goes on.

    Make Transform wait for it: `transform.add_upstream_node(gate)`.

    Args:
        anomalies: what the ExampleValidator found.

    Raises:
        DataError: the first anomaly, with its split and feature, and how many more there are.
    """
    found = [
        f"split {split!r}, {where}: {what}" for split in anomalies.splits for where, what in _read(anomalies.uri, split)
    ]
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise DataError(
            f"requests must agree with the schema. Received: {found[0]}{more}. "
            "Correct the events, or the feature spec where the change is wanted"
        )


def _read(uri: str, split: str) -> list[tuple[str, str]]:
    """Returns (where, what) of every anomaly of a split, by name of the feature."""
    with fileio.open(os.path.join(uri, f"Split-{split}", "SchemaDiff.pb"), "rb") as file:
        anomalies = anomalies_pb2.Anomalies.FromString(file.read())
    found = [(f"feature {name!r}", info.description) for name, info in sorted(anomalies.anomaly_info.items())]
    if anomalies.HasField("dataset_anomaly_info"):
        found.insert(0, ("data set", anomalies.dataset_anomaly_info.description))
    return [(where, what.rstrip(".")) for where, what in found]
