import json

import pytest

from tests.support.planted import planted_config
from tfx_pipeline.config import PipelineConfig
from tfx_pipeline.fingerprints import Fingerprints
from tfx_pipeline.pipeline import create_pipeline

FINGERPRINTS = Fingerprints(requests="data 1", model="code 1")


@pytest.fixture
def config(tmp_path) -> PipelineConfig:
    return PipelineConfig.model_validate(planted_config(tmp_path))


@pytest.fixture
def nodes(config) -> dict:
    return {node.id: node for node in create_pipeline(config, fingerprints=FINGERPRINTS).components}


def upstream(node) -> set[str]:
    return {other.id for other in node.upstream_nodes}


def test_the_nodes_in_the_order_in_which_they_run(nodes):
    order = list(nodes)

    assert set(order) == {
        "InteractionsExampleGen",
        "RequestSchema",
        "StatisticsGen",
        "ExampleValidator",
        "AnomalyGate",
        "Transform",
        "Trainer",
        "LatestBlessedModel",
        "Evaluator",
        "ServingCheck",
        "AtomicPusher",
    }
    assert all(order.index(before) < order.index(node.id) for node in nodes.values() for before in upstream(node))


@pytest.mark.parametrize(
    ("node", "before"),
    [
        ("Transform", "AnomalyGate"),
        ("AnomalyGate", "ExampleValidator"),
        ("Trainer", "Transform"),
        ("Evaluator", "LatestBlessedModel"),
        ("ServingCheck", "Trainer"),
        ("AtomicPusher", "Evaluator"),
        ("AtomicPusher", "ServingCheck"),
    ],
)
def test_what_a_node_waits_for(nodes, node, before):
    assert before in upstream(nodes[node])


def test_transform_and_training_never_see_the_test_split_and_evaluation_sees_nothing_else(nodes):
    trainer = nodes["Trainer"].exec_properties

    assert json.loads(trainer["train_args"])["splits"] == ["train"]
    assert json.loads(trainer["eval_args"])["splits"] == ["eval"]
    assert json.loads(nodes["Evaluator"].exec_properties["example_splits"]) == ["test"]
    assert nodes["Transform"].exec_properties["splits_config"] is None  # analyses the train split alone


def test_statistics_leave_the_user_out(nodes):
    options = json.loads(nodes["StatisticsGen"].exec_properties["stats_options_json"])

    assert "user_id" not in options["_feature_allowlist"]


def test_settings_reach_the_node_that_they_are_for(nodes, config):
    custom = json.loads(nodes["Trainer"].exec_properties["custom_config"])

    assert custom["training"]["num_themes"] == list(config.training.num_themes)
    assert json.loads(nodes["Trainer"].exec_properties["train_args"])["num_steps"] == config.training.steps
    assert nodes["AtomicPusher"].exec_properties["push_destination"] == str(config.serving_dir)


def test_changed_data_changes_what_examples_are_cached_by(nodes, config):
    changed = create_pipeline(config, fingerprints=FINGERPRINTS._replace(requests="data 2")).components

    key = "input_fingerprint"
    assert nodes["InteractionsExampleGen"].exec_properties[key] != changed[0].exec_properties[key]


def test_changed_code_changes_what_transform_and_model_are_cached_by(nodes, config):
    changed = create_pipeline(config, fingerprints=FINGERPRINTS._replace(model="code 2")).components

    different = {n.id for n in changed if n.exec_properties != nodes[n.id].exec_properties}
    assert different == {"Transform", "Trainer"}


def test_it_is_a_pure_function(config):
    first, second = create_pipeline(config), create_pipeline(config)

    assert [node.exec_properties for node in first.components] == [node.exec_properties for node in second.components]
    assert not config.output_dir.exists()


def test_without_a_baseline_there_is_no_resolver(config):
    assert "LatestBlessedModel" not in {node.id for node in create_pipeline(config, baseline=False).components}
