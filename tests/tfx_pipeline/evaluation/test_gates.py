import math

import pytest
from tensorflow_model_analysis.metrics.metric_specs import metric_thresholds_from_metrics_specs

from tfx_pipeline.config import GateConfig
from tfx_pipeline.evaluation.gates import Gate, eval_config, gates_of


def thresholds(config: GateConfig) -> dict:
    """What TFMA will check: (metric, is a difference) → its bounds."""
    specs = eval_config(config).metrics_specs
    return {
        (key.name, bool(key.is_diff)): [(spec, threshold) for spec, threshold in found]
        for key, found in metric_thresholds_from_metrics_specs(specs).items()
    }


def test_tfma_is_given_every_gate_on_all_candidates_and_no_other_slice():
    found = thresholds(GateConfig(min_auc=0.6, min_gauc=0.7, max_log_loss=0.5, max_gauc_drop=0.01))

    assert set(found) == {("auc", False), ("gauc", False), ("gauc", True), ("log_loss", False)}
    assert all(not spec.feature_keys for bounds in found.values() for spec, _ in bounds)
    assert found["auc", False][0][1].lower_bound.value == 0.6
    assert found["log_loss", False][0][1].upper_bound.value == 0.5
    assert found["gauc", True][0][1].absolute.value == -0.01


def test_log_loss_has_no_gate_unless_asked_for():
    assert "log_loss" not in {gate.metric for gate in gates_of(GateConfig())}


@pytest.mark.parametrize(
    ("gate", "value", "passed"),
    [
        (Gate("auc", "value", 0.6), 0.6, True),
        (Gate("auc", "value", 0.6), 0.599, False),
        (Gate("log_loss", "value", 0.5, lower=False), 0.4, True),
        (Gate("log_loss", "value", 0.5, lower=False), 0.6, False),
        (Gate("gauc", "change", -0.005), -0.004, True),
        (Gate("gauc", "change", -0.005), -0.006, False),
        (Gate("auc", "value", 0.6), math.nan, False),
    ],
)
def test_a_gate_is_a_bound_that_is_itself_allowed(gate, value, passed):
    assert gate.passed(value) is passed


def test_the_export_is_asked_through_its_serving_signature():
    [model] = eval_config(GateConfig()).model_specs

    assert (model.signature_name, model.prediction_key, model.label_key) == ("serving_default", "scores", "label")
