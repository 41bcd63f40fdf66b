"""`mos pipeline`: run the pipeline, compile it for Kubeflow, show what the latest run did."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mos_tf.quiet import quiet_imports
from tfx_pipeline.config import DEMO_CONFIG, PipelineConfig
from tfx_pipeline.runners.console import quiet

app = typer.Typer(no_args_is_help=True, help="Train, evaluate and push a ranker with TFX.")

ConfigFile = Annotated[Path, typer.Option(help="YAML file of the pipeline; default: that of the demo.")]
OutputDir = Annotated[Path | None, typer.Option(help="Another output directory than the configured one.")]


class Runner(StrEnum):
    """What a pipeline is compiled for."""

    KUBEFLOW = "kubeflow"


@app.command()
def run(
    config: Annotated[Path, typer.Option(help="YAML file of the pipeline.")],
    train_steps: Annotated[int | None, typer.Option(min=1, help="Other number of steps than the configured.")] = None,
    output: OutputDir = None,
) -> None:
    """Run the pipeline on this machine: events → requests → checks → training → gates → pushed model.

    What did not change comes from the cache. Exit code 3: a gate is not met; 4: bad data.

    Example: mos pipeline run --config tfx_pipeline/configs/complete_journey.yaml --train-steps 200
    """
    settings = PipelineConfig.load(config).replace(output_dir=output, steps=train_steps)
    log_file = settings.pipeline_root / "run.log"
    with quiet(log_file) as console:
        console.print(f"{settings.name}: {settings.data_dir} → {settings.serving_dir}, log {log_file}")
        from tfx_pipeline.runners.local import run_local

        run_local(settings, console)


@app.command(name="compile")
def compile_(
    output: Annotated[Path, typer.Option(help="File to write, .yaml or .json.")],
    runner: Annotated[Runner, typer.Option(help="What to compile for.")] = Runner.KUBEFLOW,
    config: ConfigFile = DEMO_CONFIG,
    image: Annotated[str, typer.Option(help="Container image of the tasks, with this package in it.")] = "mos-tf",
) -> None:
    """Compile the pipeline to a Kubeflow Pipelines v2 specification.

    Kubeflow's compiler has no Resolver, so this variant does not compare with the latest blessed model.

    Example: mos pipeline compile --runner kubeflow --output build/pipeline.yaml
    """
    with quiet_imports():
        from tfx_pipeline.runners.kubeflow import compile_pipeline

        compile_pipeline(PipelineConfig.load(config), output, image=image)
    typer.echo(f"{output}: written for {runner.value}")


@app.command()
def show(config: ConfigFile = DEMO_CONFIG, output: OutputDir = None) -> None:
    """Show what the latest complete run did: nodes, metrics by slice, the gates' verdict.

    Example: mos pipeline show --output build/demo
    """
    from mos_tf.insight.results import Evaluation, Node, read_result
    from tfx_pipeline.runners.report import print_summary

    results = PipelineConfig.load(config).replace(output_dir=output).results_dir
    nodes = read_result(results / "nodes.json", list[Node], "mos pipeline run")
    evaluation = read_result(results / "evaluation.json", Evaluation, "mos pipeline run")
    print_summary(Console(), nodes, evaluation)
