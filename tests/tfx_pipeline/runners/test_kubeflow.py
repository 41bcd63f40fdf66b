import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2

from tfx_pipeline.config import DEMO_CONFIG, PipelineConfig
from tfx_pipeline.runners.kubeflow import compile_pipeline


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    output = tmp_path_factory.mktemp("compiled") / "new" / "pipeline.yaml"
    compile_pipeline(PipelineConfig.load(DEMO_CONFIG), output, image="registry.example/mos-tf:1")
    return output


@pytest.fixture(scope="module")
def spec(compiled) -> pipeline_spec_pb2.PipelineSpec:
    return json_format.ParseDict(yaml.safe_load(compiled.read_text()), pipeline_spec_pb2.PipelineSpec())


def test_kfp_loads_it(compiled):
    assert components.load_component_from_file(str(compiled)).name == "complete-journey"


def test_it_is_a_v2_specification_of_every_node_but_the_resolver(spec):
    assert spec.schema_version.startswith("2.")
    assert set(spec.root.dag.tasks) == {
        "InteractionsExampleGen",
        "RequestSchema",
        "StatisticsGen",
        "ExampleValidator",
        "AnomalyGate",
        "Transform",
        "Trainer",
        "Evaluator",
        "ServingCheck",
        "AtomicPusher",
    }


def test_transform_waits_for_the_anomaly_gate(spec):
    assert "AnomalyGate" in spec.root.dag.tasks["Transform"].dependent_tasks


def test_every_task_runs_in_the_given_image(spec):
    executors = json_format.MessageToDict(spec)["deploymentSpec"]["executors"]

    assert {executor["container"]["image"] for executor in executors.values()} == {"registry.example/mos-tf:1"}


def test_nothing_of_this_machine_is_in_it(compiled, tmp_path):
    assert str(DEMO_CONFIG.parents[2]) not in compiled.read_text()
