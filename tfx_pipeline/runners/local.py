"""Runs the pipeline on this machine, from the cache where it can."""

from rich.console import Console
from tfx import v1 as tfx

from mos_tf.errors import DataError, GateError, MosError
from mos_tf.insight.results import Evaluation
from tfx_pipeline.config import PipelineConfig
from tfx_pipeline.fingerprints import Fingerprints
from tfx_pipeline.pipeline import create_pipeline
from tfx_pipeline.runners.dag import NodeRun, ReportingDagRunner
from tfx_pipeline.runners.report import print_summary, produced, unmet_gate
from tfx_pipeline.runners.results import write_results

_COMPONENTS = ("StatisticsGen", "ExampleValidator", "Transform", "Trainer", "Evaluator")


def run_local(config: PipelineConfig, console: Console) -> None:
    """Runs every node, or takes its outputs from the cache, and writes `results/*.json`.

    Args:
        config: what the pipeline is told.
        console: gets lines for each node, and the tables at the end.

    Raises:
        DataError: bad data; nothing after the node that found it runs.
        GateError: the model is trained but did not pass a gate or the serving check; it is not pushed.
        MosError: anything else that stopped a node: its name and the reason.
    """
    check_components()
    config = config.absolute()
    if not config.data_dir.is_dir():
        raise DataError(f"data_dir must be a directory of events. Received: {config.data_dir}, which does not exist")
    config.pipeline_root.mkdir(parents=True, exist_ok=True)
    runs: dict[str, NodeRun] = {}

    def on_start(node: str, number: int, count: int) -> None:
        console.print(f"[{number:2}/{count}] {node}", style="bold", markup=False)

    def on_end(run: NodeRun) -> None:
        runs[run.node] = run
        console.print(f"        {run.seconds:.1f} s{', cached' if run.cached else ''}: {produced(run.outputs)}")

    pipeline = create_pipeline(config, fingerprints=Fingerprints.of(config.data_dir))
    ReportingDagRunner(on_start, on_end).run(pipeline)
    nodes, evaluation = write_results(config, runs)
    print_summary(console, nodes, evaluation)
    require_gates(runs, evaluation)


def check_components() -> None:
    """Raises MosError where TFX could not import a component: it leaves None in its place and says nothing."""
    missing = [name for name in _COMPONENTS if getattr(tfx.components, name, None) is None]
    if missing:
        raise MosError(
            f"TFX must have all its components. Received: no {', '.join(missing)}. "
            'Install it anew: pip install "mos-tf[tfx]"'
        )


def require_gates(runs: dict[str, NodeRun], evaluation: Evaluation) -> None:
    """Raises GateError where the Evaluator or the serving check did not bless the model."""
    if not evaluation.blessed:
        raise GateError(f"gate not met: {unmet_gate(evaluation)}. The model is not pushed")
    [check] = runs["ServingCheck"].outputs["blessing"]
    if check.get_int_custom_property("blessed") != 1:
        raise GateError(f"serving check: {check.get_string_custom_property('reason')}. The model is not pushed")
