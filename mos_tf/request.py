"""`Request`: one user, one moment, one history, n candidates, and its form as a `tf.Example`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from mos_tf.errors import DataError
from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID, LABEL, REQUEST_TIME, TIMESTAMP, USER_ID, Column, FeatureSpec
from mos_tf.privacy import hash_user

_NUMPY = {"string": np.object_, "int64": np.int64, "float32": np.float32}


@dataclass(frozen=True)
class Request:
    """One ranking request. L = 0 events and n = 0 candidates are valid.

    Args:
        user_id: whose request it is.
        request_time: UTC seconds; every history event lies strictly before it.
        history: feature name → array [L], oldest first; always `item_id` and `timestamp`.
        candidates: feature name → array [n]; always `item_id`.
        label: float32 [n], or None where it is not known (serving).
        context: feature name → scalar, once a request.

    Raises:
        DataError: lists of unequal length, a history out of order or not strictly before the request; the
            message names the request.
    """

    user_id: str
    request_time: int
    history: Mapping[str, np.ndarray]
    candidates: Mapping[str, np.ndarray]
    label: np.ndarray | None = None
    context: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._require(self.history, ITEM_ID, "history")
        self._require(self.history, TIMESTAMP, "history")
        self._require(self.candidates, ITEM_ID, "candidate")
        self._equal_lengths(self.history, "history")
        self._equal_lengths(self.candidates, "candidate")
        if self.label is not None and len(self.label) != self.num_candidates:
            raise DataError(
                f"{self}: a request has one label a candidate. "
                f"Received: {len(self.label)} labels for {self.num_candidates} candidates"
            )
        times = np.asarray(self.history[TIMESTAMP])
        if len(times) and (np.any(np.diff(times) < 0) or times[-1] >= self.request_time):
            raise DataError(
                f"{self}: history must be oldest first and strictly before request_time. "
                f"Received: history_timestamp from {times[0]} to {times[-1]}, latest {times.max()}"
            )

    def __str__(self) -> str:
        return f"request of {hash_user(self.user_id)} at {self.request_time}"

    @property
    def num_events(self) -> int:
        """L, the number of history events."""
        return len(self.history[ITEM_ID])

    @property
    def num_candidates(self) -> int:
        """n, the number of candidates."""
        return len(self.candidates[ITEM_ID])

    def to_example(self, spec: FeatureSpec) -> tf.train.Example:
        """Returns the `tf.Example` of this request with exactly the columns of `spec` (labels where known)."""
        features = {
            column.key: _encode(self._values(column), column) for column in spec.columns(labels=self.label is not None)
        }
        return tf.train.Example(features=tf.train.Features(feature=features))

    @classmethod
    def from_example(cls, example: tf.train.Example, spec: FeatureSpec) -> "Request":
        """Reads a `tf.Example` written by `to_example`; a list that is absent is empty, a scalar must be there."""
        values = {column.key: _decode(example.features.feature, column) for column in spec.columns()}
        for column in spec.columns():
            if not column.ragged and len(values[column.key]) != 1:
                raise DataError(f"a request has one value of {column.key!r}. Received: {len(values[column.key])}")
        return cls(
            user_id=values[USER_ID][0],
            request_time=int(values[REQUEST_TIME][0]),
            history={c.feature: values[c.key] for c in spec.columns() if c.role == "history"},
            candidates={c.feature: values[c.key] for c in spec.columns() if c.role == "candidate"},
            label=values[LABEL] if LABEL in example.features.feature else None,
            context={
                c.feature: values[c.key][0] for c in spec.columns() if c.role == "context" and c.key != REQUEST_TIME
            },
        )

    def _values(self, column: Column) -> Any:
        if column.role == "label":
            return self.label
        if column.key == USER_ID:
            return [self.user_id]
        if column.key == REQUEST_TIME:
            return [self.request_time]
        source = {"history": self.history, "candidate": self.candidates, "context": self.context}[column.role]
        self._require(source, column.feature, column.role)
        return source[column.feature] if column.ragged else [source[column.feature]]

    def _require(self, values: Mapping[str, Any], name: str, role: str) -> None:
        if name not in values:
            raise DataError(f"{self}: feature {name!r} is missing from {role}. Received: {sorted(values)}")

    def _equal_lengths(self, values: Mapping[str, np.ndarray], role: str) -> None:
        lengths = {name: len(value) for name, value in values.items()}
        if len(set(lengths.values())) > 1:
            prefix = HISTORY if role == "history" else CANDIDATE
            received = ", ".join(f"{prefix}{name}={length}" for name, length in lengths.items())
            raise DataError(f"{self}: all {role} lists must have equal length. Received: {received}")


def _encode(values: Any, column: Column) -> tf.train.Feature:
    if column.dtype == "string":
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=_bytes(values)))
    array: np.ndarray = np.asarray(values, dtype=_NUMPY[column.dtype])
    if column.dtype == "int64":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=array))
    return tf.train.Feature(float_list=tf.train.FloatList(value=array))


def _bytes(values: Any) -> list[bytes]:
    try:  # nearly always strings, and this is where writing requests spends its time
        return list(map(str.encode, values))
    except TypeError:
        return [value if isinstance(value, bytes) else str(value).encode() for value in values]


def _decode(features: Mapping[str, tf.train.Feature], column: Column) -> np.ndarray:
    if column.key not in features:
        return np.empty(0, dtype=_NUMPY[column.dtype])
    feature = features[column.key]
    if column.dtype == "string":
        return np.array([value.decode() for value in feature.bytes_list.value], dtype=np.object_)
    values = feature.int64_list.value if column.dtype == "int64" else feature.float_list.value
    return np.array(values, dtype=_NUMPY[column.dtype])
