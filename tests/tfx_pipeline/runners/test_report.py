import io

import pytest
from rich.console import Console
from tfx.v1.types.standard_artifacts import Examples, InfraBlessing, ModelBlessing, PushedModel

from mos_tf.insight.results import Evaluation, Gate, Metric, Node
from tfx_pipeline.runners.report import print_summary, produced, unmet_gate


def summary(nodes: list[Node], evaluation: Evaluation) -> list[str]:
    console = Console(file=io.StringIO(), width=120)
    print_summary(console, nodes, evaluation)
    return [" ".join(line.split()) for line in console.file.getvalue().split("\n")]  # type: ignore[attr-defined]


def metric(name: str, value: float, slice_name: str = "overall", baseline: float | None = None) -> Metric:
    return Metric(slice=slice_name, metric=name, value=value, baseline_value=baseline)


@pytest.mark.parametrize("kind", [ModelBlessing, InfraBlessing])
def test_a_blessing_is_told_by_its_verdict(kind):
    good, bad = kind(), kind()
    good.set_int_custom_property("blessed", 1)
    bad.set_int_custom_property("blessed", 0)

    assert produced({"blessing": [good]}) == "blessed"
    assert produced({"blessing": [bad]}) == "not blessed"


def test_a_pushed_model_is_told_by_its_version():
    pushed = PushedModel()
    assert produced({"pushed_model": [pushed]}) == "not pushed"

    pushed.set_string_custom_property("pushed_version", "1700000000")
    assert produced({"pushed_model": [pushed]}) == "version 1700000000"


def test_anything_else_is_told_by_kind_and_size(tmp_path):
    examples = Examples()
    examples.uri = str(tmp_path)
    (tmp_path / "Split-train").mkdir()
    (tmp_path / "Split-train" / "data").write_bytes(b"x" * 1_250_000)

    assert produced({"examples": [examples]}) == "Examples (1.2 MB)"
    assert produced({}) == "nothing"


def test_the_summary_has_a_line_for_each_node_and_each_slice():
    nodes = [
        Node(node="Trainer", seconds=61.54, cached=False, produced="Model (7.6 MB)"),
        Node(node="Transform", seconds=0.04, cached=True, produced="TransformGraph (0.4 MB)"),
    ]
    metrics = [metric("auc", 0.91234), metric("candidates", 42615), metric("gauc", 1.0, "history_length=0")]

    lines = summary(nodes, Evaluation(blessed=True, metrics=metrics, gates=[]))

    assert "Trainer 61.5 Model (7.6 MB)" in lines
    assert "Transform 0.0 yes TransformGraph (0.4 MB)" in lines
    assert "overall 0.9123 42615" in lines
    assert "history_length=0 1.0000" in lines
    assert "Blessed; no earlier model to compare with." in lines


def test_with_a_baseline_its_values_stand_in_brackets():
    evaluation = Evaluation(
        blessed=True, baseline="Trainer/model/8", metrics=[metric("gauc", 0.7, baseline=0.69)], gates=[]
    )

    lines = summary([], evaluation)

    assert "overall 0.7000 (0.6900)" in lines
    assert "Blessed; compared with Trainer/model/8." in lines


def test_the_first_gate_that_is_not_met_is_named():
    gates = [
        Gate(metric="auc", slice="overall", kind="value", value=0.7, threshold=0.6, passed=True),
        Gate(metric="gauc", slice="overall", kind="change", value=-0.0123, threshold=-0.005, passed=False),
    ]

    message = unmet_gate(Evaluation(blessed=False, metrics=[], gates=gates))

    assert message == "change of gauc on slice overall is -0.0123, threshold -0.0050"
