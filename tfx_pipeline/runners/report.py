"""What a person is told of a run: what each node made, and the tables at the end."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from mos_tf.insight.results import Evaluation, Metric, Node

if TYPE_CHECKING:  # to show a finished run takes no TFX
    from tfx.types import Artifact

_SHOWN = ("auc", "gauc", "log_loss", "calibration", "candidates")


def produced(outputs: Mapping[str, "Sequence[Artifact]"]) -> str:
    """Returns what a node made, in a few words."""
    return ", ".join(_describe(artifact) for artifacts in outputs.values() for artifact in artifacts) or "nothing"


def _describe(artifact: "Artifact") -> str:
    if artifact.type_name in ("ModelBlessing", "InfraBlessing"):
        return "blessed" if artifact.get_int_custom_property("blessed") == 1 else "not blessed"
    if artifact.type_name == "PushedModel":
        version = artifact.get_string_custom_property("pushed_version")
        return f"version {version}" if version else "not pushed"
    size = sum(path.stat().st_size for path in Path(artifact.uri).rglob("*") if path.is_file())
    return f"{artifact.type_name} ({size / 1e6:.1f} MB)"


def print_summary(console: Console, nodes: Iterable[Node], evaluation: Evaluation) -> None:
    """Prints what each node did, the metrics by slice, and the verdict."""
    for part in (_node_table(nodes), _metric_table(evaluation), _verdict(evaluation)):
        console.print("", part)


def _node_table(nodes: Iterable[Node]) -> Table:
    table = Table("node", "seconds", "cached", "made", box=None, header_style="bold")
    table.columns[1].justify = "right"
    for node in nodes:
        table.add_row(node.node, f"{node.seconds:.1f}", "yes" if node.cached else "", node.produced)
    return table


def _metric_table(evaluation: Evaluation) -> Table:
    """The main metrics by slice, the baseline's in brackets."""
    table = Table("slice", *_SHOWN, box=None, header_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    for slice_name in evaluation.slices:
        table.add_row(slice_name, *(_cell(evaluation.find(name, slice_name)) for name in _SHOWN))
    return table


def _cell(metric: Metric | None) -> str:
    if metric is None:
        return ""
    if metric.metric == "candidates":
        return f"{metric.value:.0f}"
    baseline = f" ({metric.baseline_value:.4f})" if metric.baseline_value is not None else ""
    return f"{metric.value:.4f}{baseline}"


def _verdict(evaluation: Evaluation) -> str:
    against = f"compared with {evaluation.baseline}" if evaluation.baseline else "no earlier model to compare with"
    if evaluation.blessed:
        return f"Blessed; {against}."
    return f"Not blessed: {unmet_gate(evaluation)}; {against}."


def unmet_gate(evaluation: Evaluation) -> str:
    """Returns the first gate that was not met: metric, slice, value and threshold."""
    gate = next(gate for gate in evaluation.gates if not gate.passed)
    what = f"change of {gate.metric}" if gate.kind == "change" else gate.metric
    return f"{what} on slice {gate.slice} is {gate.value:.4f}, threshold {gate.threshold:.4f}"
