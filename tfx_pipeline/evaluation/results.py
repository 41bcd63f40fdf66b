"""Reads what the Evaluator found: metrics by slice, beside the baseline's, and the verdict of every gate."""

import math
from collections import defaultdict

import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto.metrics_for_slice_pb2 import MetricsForSlice

from mos_tf.features import CANDIDATE, ITEM_ID
from mos_tf.insight.results import Evaluation, Metric
from mos_tf.insight.results import Gate as GateResult
from tfx_pipeline.evaluation.gates import Gate

OVERALL = "overall"
_ITEMS = CANDIDATE + ITEM_ID

Values = dict[tuple[str, str], float]  # (slice, metric) → value


def read_evaluation(
    evaluation_dir: str, gates: tuple[Gate, ...], *, blessed: bool, baseline: str | None, without_candidates: int
) -> Evaluation:
    """Returns the metrics of every slice and how each gate decided.

    Args:
        evaluation_dir: the Evaluator's output.
        gates: what it was told to check.
        blessed: its verdict.
        baseline: what to call the model it compared with, None where there was none.
        without_candidates: requests that no metric counts.
    """
    values, baseline_values, changes = _read_metrics(evaluation_dir)
    metrics = [
        Metric(slice=slice_name, metric=name, value=value, baseline_value=baseline_values.get((slice_name, name)))
        for (slice_name, name), value in sorted(values.items(), key=lambda item: (item[0][0] != OVERALL, item[0]))
        if not math.isnan(value)
    ]
    decided = []
    for gate in gates:
        if gate.kind == "change" and baseline is None:
            continue
        value = (values if gate.kind == "value" else changes).get((OVERALL, gate.metric), math.nan)
        decided.append(
            GateResult(
                metric=gate.metric,
                slice=OVERALL,
                kind=gate.kind,
                value=value,
                threshold=gate.threshold,
                passed=gate.passed(value),
            )
        )
    return Evaluation(
        blessed=blessed,
        baseline=baseline,
        metrics=metrics,
        gates=decided,
        skipped_requests={"without_candidates": without_candidates},
    )


def _read_metrics(evaluation_dir: str) -> tuple[Values, Values, Values]:
    """The model's values, the baseline's, and the differences between them."""
    found: defaultdict[str, Values] = defaultdict(dict)
    for metrics in tfma.load_metrics(evaluation_dir):
        for pair in metrics.metric_keys_and_values:
            kind = "change" if pair.key.is_diff else pair.key.model_name
            found[kind][_slice_name(metrics), pair.key.name] = pair.value.double_value.value
    return found["candidate"] or found[""], found["baseline"], found["change"]


def _slice_name(metrics: MetricsForSlice) -> str:
    keys = metrics.slice_key.single_slice_keys
    return ", ".join(f"{key.column}={key.bytes_value.decode()}" for key in keys) or OVERALL


def count_without_candidates(split_dir: str) -> int:
    """Returns how many requests of a split have no candidate: they vanish from metrics of candidates."""
    files = tf.io.gfile.glob(f"{split_dir}/*.gz")
    items = {_ITEMS: tf.io.RaggedFeature(tf.string)}
    lengths = (
        tf.data.TFRecordDataset(files, compression_type="GZIP")
        .batch(512)
        .map(lambda examples: tf.io.parse_example(examples, items)[_ITEMS].row_lengths())
    )
    return int(sum(tf.reduce_sum(tf.cast(batch == 0, tf.int64)).numpy() for batch in lengths))
