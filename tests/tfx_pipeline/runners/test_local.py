import pytest
from tfx import v1 as tfx
from tfx.v1.types.standard_artifacts import InfraBlessing

from mos_tf.errors import GateError, MosError
from mos_tf.insight.results import Evaluation, Gate
from tfx_pipeline.runners.dag import NodeRun
from tfx_pipeline.runners.local import check_components, require_gates


def checked(blessed: int, reason: str = "") -> dict[str, NodeRun]:
    """What the serving check did."""
    blessing = InfraBlessing()
    blessing.set_int_custom_property("blessed", blessed)
    blessing.set_string_custom_property("reason", reason)
    return {"ServingCheck": NodeRun("ServingCheck", 1.0, False, {"blessing": [blessing]})}


def test_a_component_that_tfx_could_not_import_is_named_at_once(monkeypatch):
    check_components()
    monkeypatch.setattr(tfx.components, "Evaluator", None)

    with pytest.raises(MosError, match=r"no Evaluator\. Install it anew"):
        check_components()


def test_a_model_that_passed_everything_raises_nothing():
    require_gates(checked(1), Evaluation(blessed=True, metrics=[], gates=[]))


def test_a_gate_that_is_not_met_is_an_error_of_its_own():
    gate = Gate(metric="auc", slice="overall", kind="value", value=0.5, threshold=0.6, passed=False)

    with pytest.raises(GateError, match=r"auc on slice overall is 0\.5000, threshold 0\.6000"):
        require_gates(checked(1), Evaluation(blessed=False, metrics=[], gates=[gate]))


def test_an_export_that_answers_differently_is_refused_with_the_reason():
    with pytest.raises(GateError, match="^serving check: 3 scores for 4 candidates. The model is not pushed$"):
        require_gates(checked(0, "3 scores for 4 candidates"), Evaluation(blessed=True, metrics=[], gates=[]))
