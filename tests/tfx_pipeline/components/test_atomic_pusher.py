from collections.abc import Callable
from pathlib import Path

import pytest
from tfx.types import Artifact

from tfx_pipeline.components.atomic_pusher import AtomicPusher


def push(
    artifact: Callable[..., Artifact], base: Path, *, model_blessed: int = 1, serving_blessed: int = 1
) -> Artifact:
    model, pushed = artifact("Model"), artifact("PushedModel")
    export = Path(model.uri) / "Format-Serving"
    export.mkdir(exist_ok=True)
    (export / "saved_model.pb").write_bytes(b"graph")
    AtomicPusher.test_call(
        model=model,
        model_blessing=artifact("ModelBlessing", blessed=model_blessed),
        infra_blessing=artifact("InfraBlessing", blessed=serving_blessed),
        pushed_model=pushed,
        push_destination=str(base),
    )
    return pushed


def test_a_blessed_model_is_pushed_and_the_artifact_says_where(artifact: Callable[..., Artifact], tmp_path: Path):
    pushed = push(artifact, tmp_path / "serving")
    version = pushed.get_string_custom_property("pushed_version")
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == str(tmp_path / "serving" / version)
    assert (tmp_path / "serving" / version / "saved_model.pb").read_bytes() == b"graph"


@pytest.mark.parametrize("refusal", [{"model_blessed": 0}, {"serving_blessed": 0}])
def test_a_model_that_lacks_a_blessing_is_not_pushed(
    refusal: dict[str, int], artifact: Callable[..., Artifact], tmp_path: Path
):
    pushed = push(artifact, tmp_path / "serving", **refusal)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_the_version_of_a_model_that_is_live_already_is_reported_again(
    artifact: Callable[..., Artifact], tmp_path: Path
):
    first, again = push(artifact, tmp_path / "serving"), push(artifact, tmp_path / "serving")
    assert again.get_int_custom_property("pushed") == 1
    assert first.get_string_custom_property("pushed_version") == again.get_string_custom_property("pushed_version")
