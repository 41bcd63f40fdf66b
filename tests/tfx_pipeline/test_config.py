import pytest
import yaml

from mos_tf.errors import MosError
from tests.support.planted import planted_config
from tfx_pipeline.config import DEMO_CONFIG, PipelineConfig


def load(tmp_path, **changes) -> PipelineConfig:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(planted_config(tmp_path, **changes)))
    return PipelineConfig.load(path)


def error_of(tmp_path, **changes) -> str:
    with pytest.raises(MosError) as caught:
        load(tmp_path, **changes)
    return str(caught.value)


def test_the_demo_config_is_valid_and_keeps_long_histories():
    config = PipelineConfig.load(DEMO_CONFIG)

    assert config.requests.max_history >= 500
    assert config.requests.max_users >= 500


def test_what_is_not_given_has_a_default(tmp_path):
    assert load(tmp_path).gates.max_gauc_drop == 0.005


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"training": {"batch_size": 0}}, ["training.batch_size", "greater than or equal to 1", "Received: 0"]),
        ({"training": {"epochs": 3}}, ["training.epochs", "not permitted", "Received: 3"]),
        ({"gates": {"min_auc": "high"}}, ["gates.min_auc", "number", "Received: 'high'"]),
        ({"name": "My pipeline"}, ["name", "pattern", "Received: 'My pipeline'"]),
        ({"spec": {"theme_token": "brand"}}, ["spec", "theme_token must be", "Received: theme_token='brand'"]),
        ({"vocabulary": {"min_count_of": {"brand": 2}}}, ["vocabulary.min_count_of may name", "Received: brand"]),
    ],
)
def test_an_error_names_field_rule_and_what_was_received_in_one_line(tmp_path, changes, parts):
    message = error_of(tmp_path, **changes)

    assert "\n" not in message
    assert [part for part in parts if part not in message] == []


def test_every_broken_rule_is_named_at_once(tmp_path):
    message = error_of(tmp_path, name="X", training={"steps": -1})

    assert "name:" in message
    assert "training.steps:" in message


@pytest.mark.parametrize("content", ["a: [", "- 1", ""])
def test_what_is_no_yaml_mapping_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "config.yaml"
    path.write_text(content)

    with pytest.raises(MosError, match=r"config\.yaml") as caught:
        PipelineConfig.load(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MosError, match=r"none\.yaml \(No such file"):
        PipelineConfig.load(tmp_path / "none.yaml")


def test_steps_and_output_can_be_replaced_and_nothing_else_changes(tmp_path):
    config = load(tmp_path)

    replaced = config.replace(output_dir=tmp_path / "elsewhere", steps=7)

    assert replaced.training.steps == 7
    assert replaced.serving_dir == tmp_path / "elsewhere" / "serving"
    assert replaced.replace(output_dir=config.output_dir, steps=config.training.steps) == config
