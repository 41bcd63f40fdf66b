"""`results/*.json`: what a person or a report reads of the latest run."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from tfx.types import Artifact

from mos_tf.insight.results import Evaluation, Node
from tfx_pipeline.config import PipelineConfig
from tfx_pipeline.evaluation.gates import gates_of
from tfx_pipeline.evaluation.results import count_without_candidates, read_evaluation
from tfx_pipeline.runners.dag import NodeRun
from tfx_pipeline.runners.report import produced


def write_results(config: PipelineConfig, runs: Mapping[str, NodeRun]) -> tuple[list[Node], Evaluation]:
    """Writes `nodes`, `evaluation`, `training`, `themes` and `examples.json`; returns the first two.

    Args:
        config: with absolute paths.
        runs: what each node did, by its id.
    """
    examples = _artifact(runs, "InteractionsExampleGen", "examples")
    model_run = _artifact(runs, "Trainer", "model_run")
    blessing = _artifact(runs, "Evaluator", "blessing")
    nodes = [
        Node(node=run.node, seconds=round(run.seconds, 2), cached=run.cached, produced=produced(run.outputs))
        for run in runs.values()
    ]
    evaluation = read_evaluation(
        _artifact(runs, "Evaluator", "evaluation").uri,
        gates_of(config.gates),
        blessed=blessing.get_int_custom_property("blessed") == 1,
        baseline=_relative(blessing.get_string_custom_property("baseline_model"), config.pipeline_root),
        without_candidates=count_without_candidates(f"{examples.uri}/Split-test"),
    )
    config.results_dir.mkdir(parents=True, exist_ok=True)
    _write(config.results_dir / "nodes.json", [node.model_dump() for node in nodes])
    _write(config.results_dir / "evaluation.json", evaluation.model_dump())
    for name in ("training.json", "themes.json"):
        shutil.copyfile(Path(model_run.uri) / name, config.results_dir / name)
    shutil.copyfile(Path(examples.uri) / "counts.json", config.results_dir / "examples.json")
    return nodes, evaluation


def _artifact(runs: Mapping[str, NodeRun], node: str, key: str) -> Artifact:
    [artifact] = runs[node].outputs[key]
    return artifact


def _relative(uri: str, root: Path) -> str | None:
    return str(Path(uri).relative_to(root)) if uri else None


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
