"""The components between stock ones: run by the local runner, compiled for Kubeflow."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx import v1 as tfx

from mos_tf.datasets.tables import WEEK_SECONDS
from mos_tf.errors import DataError
from tests.support.small_log import SPEC, config, event, write_data_dir
from tfx_pipeline.components.anomaly_gate import AnomalyGate
from tfx_pipeline.components.atomic_pusher import AtomicPusher
from tfx_pipeline.components.fingerprint import fingerprint
from tfx_pipeline.components.interactions_example_gen import InteractionsExampleGen
from tfx_pipeline.components.serving_check import ServingCheck

artifacts = tfx.types.standard_artifacts


def example_gen(data: Path) -> Any:
    return InteractionsExampleGen(
        data_dir=str(data),
        spec=SPEC.model_dump_json(),
        config=config().model_dump_json(),
        input_fingerprint=fingerprint(data),
    )


def imported(name: str, kind: type) -> tfx.dsl.Importer:
    return tfx.dsl.Importer(source_uri=f"gs://bucket/{name}", artifact_type=kind).with_id(name)


def validated(data: Path) -> list:
    """Example generation, statistics, a schema made of them, and the gate that they must pass."""
    examples = example_gen(data)
    statistics = tfx.components.StatisticsGen(examples=examples.outputs["examples"])
    schema = tfx.components.SchemaGen(statistics=statistics.outputs["statistics"])
    validator = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"]
    )
    return [examples, statistics, schema, validator, AnomalyGate(anomalies=validator.outputs["anomalies"])]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_log(tmp_path / "data", ("tea", "milk"))


def write_log(directory: Path, items: tuple[str, ...]) -> Path:
    """Writes ten weekly baskets of one user, each of these items."""
    return write_data_dir(
        directory, [event("ann", item, week * WEEK_SECONDS, f"{week}") for week in range(10) for item in items]
    )


def test_every_component_compiles_for_kubeflow(data: Path, tmp_path: Path):
    model, run = imported("model", artifacts.Model), imported("run", artifacts.ModelRun)
    blessing = imported("blessing", artifacts.ModelBlessing)
    check = ServingCheck(model=model.outputs["result"], model_run=run.outputs["result"])
    push = AtomicPusher(
        model=model.outputs["result"],
        model_blessing=blessing.outputs["result"],
        infra_blessing=check.outputs["blessing"],
        push_destination="/models/ranker",
    )
    nodes = [*validated(data), model, run, blessing, check, push]
    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(
        config=tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(default_image="example/mos-tf:1"),
        output_dir=str(tmp_path),
        output_filename="pipeline.yaml",
    )
    runner.run(tfx.dsl.Pipeline(pipeline_name="components", pipeline_root="gs://bucket/root", components=nodes))

    spec = json_format.ParseDict(
        yaml.safe_load((tmp_path / "pipeline.yaml").read_text()), pipeline_spec_pb2.PipelineSpec()
    )
    assert {"InteractionsExampleGen", "AnomalyGate", "ServingCheck", "AtomicPusher"} <= set(spec.root.dag.tasks)
    assert components.load_component_from_file(str(tmp_path / "pipeline.yaml")).name == "components"


def run_locally(nodes: list, directory: Path) -> None:
    metadata = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(directory / "metadata.sqlite"))
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="local",
            pipeline_root=str(directory),
            components=nodes,
            enable_cache=True,
            metadata_connection_config=metadata,
        )
    )


@pytest.mark.slow
def test_stock_components_read_the_requests_and_the_cache_keys_on_the_content(data: Path, tmp_path: Path):
    executions = []
    for items in (("tea", "milk"), ("tea", "milk"), ("tea",)):
        write_log(data, items)
        run_locally(validated(data), tmp_path / "root")
        executions.append(len(list((tmp_path / "root/InteractionsExampleGen/examples").iterdir())))
    assert executions == [1, 1, 2]
    statistics = tmp_path / "root/StatisticsGen/statistics"
    assert {path.name for path in statistics.glob("*/*")} == {"Split-train", "Split-eval", "Split-test"}


def test_bad_data_ends_a_run_as_a_data_error_and_only_the_dead_letters_remain(data: Path, tmp_path: Path):
    write_log(data, ("tea", ""))
    with pytest.raises(DataError, match=r"10 of 20 \(missing_item=10\)"):
        run_locally([example_gen(data)], tmp_path / "root")
    remaining = [path.name for path in (tmp_path / "root/InteractionsExampleGen/examples").iterdir()]
    assert remaining == ["1-dead_letters.jsonl.gz"]
