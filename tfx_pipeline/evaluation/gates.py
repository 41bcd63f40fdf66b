"""The metrics that the Evaluator computes and the gates that a model has to pass."""

import json
from typing import Literal, NamedTuple

from tensorflow_model_analysis.proto import config_pb2

from mos_tf.features import LABEL
from tfx_pipeline.config import GateConfig
from tfx_pipeline.evaluation import gauc
from tfx_pipeline.evaluation.extractors import HISTORY_LENGTH

# Of all candidates of the slice; the name is ours, class and settings are TFMA's.
_METRICS = {
    "auc": ("AUC", {"num_thresholds": 10_000}),
    "log_loss": ("BinaryCrossEntropy", {}),
    "calibration": ("Calibration", {}),
    "candidates": ("ExampleCount", {}),
}
SLICES: tuple[tuple[str, ...], ...] = ((), (HISTORY_LENGTH,))


class Gate(NamedTuple):
    """One bound on a metric over all candidates of the `test` split.

    Attributes:
        metric: its name in the results.
        kind: `"value"`, or `"change"` against the latest blessed model.
        threshold: the bound itself, still allowed.
        lower: True for a lower bound, False for an upper one.
    """

    metric: str
    kind: Literal["value", "change"]
    threshold: float
    lower: bool = True

    def passed(self, value: float) -> bool:
        """Returns whether the value (or change) keeps within the bound; NaN never does."""
        return value >= self.threshold if self.lower else value <= self.threshold


def gates_of(config: GateConfig) -> tuple[Gate, ...]:
    """Returns the gates that the configuration asks for."""
    gates = [
        Gate("auc", "value", config.min_auc),
        Gate("gauc", "value", config.min_gauc),
        Gate("gauc", "change", -config.max_gauc_drop),
    ]
    if config.max_log_loss is not None:
        gates.append(Gate("log_loss", "value", config.max_log_loss, lower=False))
    return tuple(gates)


def eval_config(config: GateConfig) -> config_pb2.EvalConfig:
    """Returns what the Evaluator is told: signature, slices, metrics and thresholds."""
    gates = gates_of(config)
    metrics = [
        config_pb2.MetricConfig(
            class_name=class_name,
            config=json.dumps({**settings, "name": name}),
            per_slice_thresholds=_thresholds(name, gates),
        )
        for name, (class_name, settings) in _METRICS.items()
    ]
    metrics.append(
        config_pb2.MetricConfig(
            class_name="GAUC", module=gauc.__name__, per_slice_thresholds=_thresholds("gauc", gates)
        )
    )
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(signature_name="serving_default", label_key=LABEL, prediction_key="scores"),
        ],
        slicing_specs=[config_pb2.SlicingSpec(feature_keys=keys) for keys in SLICES],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )


def _thresholds(metric: str, gates: tuple[Gate, ...]) -> list[config_pb2.PerSliceMetricThreshold]:
    """The metric's gates, on the slice of all candidates; a threshold without slices would hold for each of them."""
    everything = [config_pb2.SlicingSpec()]
    return [
        config_pb2.PerSliceMetricThreshold(slicing_specs=everything, threshold=_threshold(gate))
        for gate in gates
        if gate.metric == metric
    ]


def _threshold(gate: Gate) -> config_pb2.MetricThreshold:
    bound = {"value": gate.threshold}
    if gate.kind == "value":
        side = {"lower_bound": bound} if gate.lower else {"upper_bound": bound}
        return config_pb2.MetricThreshold(value_threshold=config_pb2.GenericValueThreshold(**side))
    direction = (
        config_pb2.MetricDirection.HIGHER_IS_BETTER if gate.lower else config_pb2.MetricDirection.LOWER_IS_BETTER
    )
    change = config_pb2.GenericChangeThreshold(direction=direction, absolute=bound)
    return config_pb2.MetricThreshold(change_threshold=change)
