"""Compiles the pipeline for Kubeflow Pipelines: the v2 specification, which kfp and the Kubeflow UI load."""

from pathlib import Path

from tfx.v1.orchestration.experimental import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig

from tfx_pipeline.config import PipelineConfig
from tfx_pipeline.pipeline import create_pipeline


def compile_pipeline(config: PipelineConfig, output: Path, *, image: str) -> None:
    """Writes the specification as YAML (or JSON, by the file's suffix).

    It has no comparison with the latest blessed model: Kubeflow's compiler knows no Resolver. The absolute gates stay.

    Args:
        config: what the pipeline is told; its paths must mean something inside the containers.
        output: the file to write.
        image: container image of every task; it must hold this package.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    runner = KubeflowV2DagRunner(
        KubeflowV2DagRunnerConfig(display_name=config.name, default_image=image),
        output_dir=str(output.parent),
        output_filename=output.name,
    )
    runner.run(create_pipeline(config, baseline=False))
