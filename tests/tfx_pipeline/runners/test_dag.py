import pytest
from tfx.v1.dsl import Pipeline
from tfx.v1.dsl.components import OutputArtifact, Parameter, component
from tfx.v1.orchestration.metadata import sqlite_metadata_connection_config
from tfx.v1.types.standard_artifacts import String

from mos_tf.errors import DataError, MosError
from tfx_pipeline.runners.dag import NodeRun, ReportingDagRunner, explained


@component
def Speak(word: OutputArtifact[String], text: Parameter[str]) -> None:  # noqa: N802 (a component)
    word.value = text


@component
def Refuse(reason: Parameter[str]) -> None:  # noqa: N802 (a component)
    if reason == "data":
        raise DataError("labels must be 0 or 1. Received: 2")
    raise KeyError(reason)


def run(tmp_path, *nodes) -> tuple[list[tuple[str, int, int]], list[NodeRun]]:
    started: list[tuple[str, int, int]] = []
    ended: list[NodeRun] = []
    pipeline = Pipeline(
        pipeline_name="test",
        pipeline_root=str(tmp_path),
        components=list(nodes),
        enable_cache=True,
        metadata_connection_config=sqlite_metadata_connection_config(str(tmp_path / "metadata.sqlite")),
    )
    ReportingDagRunner(lambda *start: started.append(start), ended.append).run(pipeline)
    return started, ended


def test_each_node_is_announced_with_its_place_and_reported_with_what_it_made(tmp_path):
    started, [first, second] = run(tmp_path, Speak(text="a").with_id("First"), Speak(text="b").with_id("Second"))

    assert started == [("First", 1, 2), ("Second", 2, 2)]
    assert (first.node, first.cached) == ("First", False)
    assert [artifact.read() for artifact in second.outputs["word"]] == ["b"]


def test_what_did_not_change_comes_from_the_cache_with_its_outputs(tmp_path):
    run(tmp_path, Speak(text="a").with_id("First"), Speak(text="b").with_id("Second"))

    _, [first, second] = run(tmp_path, Speak(text="a").with_id("First"), Speak(text="c").with_id("Second"))

    assert (first.cached, second.cached) == (True, False)
    assert [artifact.read() for artifact in first.outputs["word"]] == ["a"]


def test_an_error_of_ours_ends_the_run_as_it_is(tmp_path, capfd):
    with pytest.raises(DataError, match="^labels must be 0 or 1. Received: 2$"):
        run(tmp_path, Refuse(reason="data"))
    assert "Traceback" in capfd.readouterr().err


def test_any_other_error_names_the_node(tmp_path):
    with pytest.raises(MosError, match="^Refuse failed: 'a key'"):
        run(tmp_path, Refuse(reason="a key"))


def test_a_node_that_failed_runs_again(tmp_path):
    speak = Speak(text="a")
    refuse = Refuse(reason="data")
    refuse.add_upstream_node(speak)
    for _ in range(2):
        with pytest.raises(DataError):
            run(tmp_path, speak, refuse)


def test_our_error_is_found_where_another_one_wraps_it():
    inner = DataError("no such column")
    outer = RuntimeError("a worker failed")
    outer.__cause__ = inner

    assert explained(outer, "ExampleGen") is inner
