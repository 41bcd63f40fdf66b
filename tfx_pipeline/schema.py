"""The curated schema of requests: what the data must look like, and as which tensors it is read."""

from tensorflow_metadata.proto.v0 import schema_pb2

from mos_tf.datasets.config import RequestConfig
from mos_tf.features import REQUEST_TIME, TIMESTAMP, USER_ID, Column, FeatureSpec

_TYPES = {"string": schema_pb2.BYTES, "int64": schema_pb2.INT, "float32": schema_pb2.FLOAT}


def request_schema(spec: FeatureSpec, requests: RequestConfig) -> schema_pb2.Schema:
    """Returns the schema that examples of `spec` must agree with.

    Every column is in every request (an empty list counts), histories are no longer than `max_history`, times lie
    in the configured range, labels between 0 and 1, and no number is NaN or infinite. Lists are read as RaggedTensors,
    scalars as dense ones.

    Args:
        spec: the features of a request.
        requests: limits of time and of the history's length.
    """
    schema = schema_pb2.Schema()
    representations = schema.tensor_representation_group[""].tensor_representation
    for column in spec.columns():
        schema.feature.append(_feature(column, requests))
        representations[column.key].CopyFrom(_representation(column))
    return schema


def checked_columns(spec: FeatureSpec) -> list[str]:
    """Returns the columns that statistics are kept of: all but the user, whose most frequent values they would list."""
    return [column.key for column in spec.columns() if column.key != USER_ID]


def _feature(column: Column, requests: RequestConfig) -> schema_pb2.Feature:
    feature = schema_pb2.Feature(name=column.key, type=_TYPES[column.dtype])
    if column.key != USER_ID:  # there are no statistics to hold against it
        feature.presence.min_fraction = 1.0
        feature.presence.min_count = 1
    if column.role == "history":
        feature.value_count.max = requests.max_history
    elif not column.ragged:
        feature.value_count.min = feature.value_count.max = 1
    if column.feature in (REQUEST_TIME, TIMESTAMP):
        first = requests.splits.train_start if column.feature == REQUEST_TIME else requests.start or 0
        feature.int_domain.min, feature.int_domain.max = first, requests.splits.test_end - 1
    elif column.dtype == "float32":
        feature.float_domain.disallow_nan = feature.float_domain.disallow_inf = True
        if column.role == "label":
            feature.float_domain.min, feature.float_domain.max = 0.0, 1.0
    return feature


def _representation(column: Column) -> schema_pb2.TensorRepresentation:
    representation = schema_pb2.TensorRepresentation()
    if column.ragged:
        representation.ragged_tensor.feature_path.step.append(column.key)
        representation.ragged_tensor.row_partition_dtype = schema_pb2.TensorRepresentation.INT64
    else:
        representation.dense_tensor.column_name = column.key
        representation.dense_tensor.shape.SetInParent()
    return representation
