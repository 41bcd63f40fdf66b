import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from scipy.special import logit
from tensorflow.core.protobuf import saved_model_pb2

import serving.export
from mos_tf import Request
from mos_tf.datasets.tensors import encode
from mos_tf.errors import MosError
from serving.export import export_ranker
from serving.loaded_model import LoadedModel
from tests.serving.conftest import VERSION
from tests.support.ranked_requests import SPEC, planted_requests, vocabularies


class Encoder(tf.Module):
    """Does what the transform layer of a pipeline does: holds look-up tables and maps parsed requests with them."""

    def __init__(self):
        super().__init__()
        self.tables = {name: vocabulary.table() for name, vocabulary in vocabularies().items()}

    def __call__(self, features):
        return encode(features, SPEC, self.tables)


class Undecided:
    """The least that can be exported: gives every candidate one half."""

    variables: tuple = ()

    def __call__(self, features):
        candidates = features["candidate_item_id"]
        return candidates.with_flat_values(tf.fill(tf.shape(candidates.flat_values), 0.5))

    def explain(self, features):
        scores = self(features)
        return {"scores": scores, "themes": scores, "gates": scores}


UNDECIDED, ENCODER = Undecided(), Encoder()


def export(directory: Path, ranker=UNDECIDED, transform=ENCODER) -> None:
    export_ranker(ranker, directory, spec=SPEC, transform=transform)


@pytest.fixture(scope="module")
def model(model_dir: Path) -> Iterator[LoadedModel]:
    """Loaded by the v1 Session loader, as in TF Serving."""
    loaded = LoadedModel(model_dir / str(VERSION))
    yield loaded
    loaded.close()


def serve(model: LoadedModel, examples: list[bytes], signature: str = "serving_default") -> dict[str, np.ndarray]:
    return model.run(signature, {"examples": np.array(examples, dtype=np.object_)})


def broken(request: Request, key: str) -> bytes:
    """The request with one value too many in a list."""
    example = request.to_example(SPEC)
    values = example.features.feature[key].bytes_list.value
    values.append(values[0])
    return example.SerializeToString()


def assert_rows_equal(padded: np.ndarray, ragged: tf.RaggedTensor, atol: float = 0) -> None:
    """Holds each row to the ranker's own, and what follows its end to -1."""
    for row, wanted in zip(padded, ragged, strict=True):
        np.testing.assert_allclose(row[: len(wanted)], wanted.numpy(), rtol=0, atol=atol)
        assert np.all(row[len(wanted) :] == -1)


def test_requests_in_one_call_get_the_scores_of_the_ranker(model, examples, expected):
    served = serve(model, examples)
    assert_rows_equal(served["scores"], expected["scores"], atol=1e-5)
    assert served["num_candidates"].tolist() == [4, 2, 8, 1, 5, 3, 0, 0]
    assert (served["scores"].dtype, served["num_candidates"].dtype) == (np.float32, np.int64)


def test_a_request_alone_gets_the_scores_that_it_gets_in_company(model, examples, expected):
    for example, wanted in zip(examples, expected["scores"], strict=True):
        np.testing.assert_allclose(serve(model, [example])["scores"][0], wanted.numpy(), rtol=0, atol=1e-5)


def test_explain_adds_themes_and_gates(model, examples, expected):
    served = serve(model, examples, "explain")
    assert sorted(served) == ["gates", "num_candidates", "scores", "themes"]
    assert served["themes"].dtype == np.int64
    assert_rows_equal(served["scores"], expected["scores"], atol=1e-5)
    assert_rows_equal(served["themes"], expected["themes"])
    assert_rows_equal(served["gates"], expected["gates"], atol=1e-5)


def test_no_request_at_all_is_valid(model):
    assert serve(model, [])["scores"].shape == (0, 0)
    assert serve(model, [], "explain")["gates"].shape[0] == 0


def test_unknown_items_share_one_score(model):
    request = planted_requests([6], [3])[0]
    request.candidates["item_id"][:2] = ["never-seen", "seen-neither"]
    for name in ("category", "popularity"):
        request.candidates[name][:] = request.candidates[name][0]
    first, second, known = serve(model, [request.to_example(SPEC).SerializeToString()])["scores"][0]
    assert first == pytest.approx(second, abs=1e-6) and abs(logit(first) - logit(known)) > 0.05


@pytest.mark.parametrize("role", ["history", "candidate"])
def test_lists_of_unequal_length_are_refused_by_the_rule_they_break(model, role: str):
    example = broken(planted_requests([6], [2])[0], f"{role}_category")
    rule = f"all {role} lists of a request must have equal length: {role}_category and {role}_item_id differ"
    for signature in ("serving_default", "explain"):
        with pytest.raises(tf.errors.InvalidArgumentError, match=rule):
            serve(model, [example], signature)


def test_lists_that_only_add_up_are_refused_too(model):
    longer, shorter = planted_requests([6, 6], [2, 2])
    swapped = longer.to_example(SPEC)
    swapped.features.feature["candidate_category"].bytes_list.value.pop()
    with pytest.raises(tf.errors.InvalidArgumentError, match="all candidate lists"):
        serve(model, [broken(shorter, "candidate_category"), swapped.SerializeToString()])


def test_a_transform_gives_the_same_scores_as_the_vocabularies(ranker, examples, expected, tmp_path: Path):
    export(tmp_path / "1", ranker)
    assert_rows_equal(serve(LoadedModel(tmp_path / "1"), examples)["scores"], expected["scores"], atol=1e-5)


def test_weights_are_stored_once_and_nothing_that_metrics_remember(ranker, model_dir: Path):
    stored = tf.train.list_variables(str(model_dir / str(VERSION) / "variables" / "variables"))
    sizes = sorted(int(np.prod(shape)) for name, shape in stored if name != "_CHECKPOINTABLE_OBJECT_GRAPH")
    assert sizes == sorted(int(np.prod(variable.shape)) for variable in ranker.variables)
    assert max(sizes) < ranker.gauc.capacity


def test_no_function_is_marked_for_xla_which_a_server_may_lack(model_dir: Path):
    saved = saved_model_pb2.SavedModel.FromString((model_dir / str(VERSION) / "saved_model.pb").read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    assert functions and not any(function.attr["_XlaMustCompile"].b for function in functions)


def test_an_export_never_replaces_a_model(model_dir: Path):
    with pytest.raises(MosError, match="never replaces"):
        export(model_dir / str(VERSION))


def test_a_failed_export_leaves_no_version_and_the_next_one_succeeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(serving.export, "write_warmup", interrupted)
        export(tmp_path / "1")
    assert os.listdir(tmp_path) == ["1.partial"]
    export(tmp_path / "1")
    assert os.listdir(tmp_path) == ["1"]


def test_an_empty_directory_may_be_exported_to(tmp_path: Path):
    export(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["assets", "assets.extra", "fingerprint.pb", "saved_model.pb", "variables"]


def test_exactly_one_of_vocabularies_and_transform_is_wanted(tmp_path: Path):
    with pytest.raises(ValueError, match="exactly one of vocabularies and transform. Received: vocabularies=None"):
        export(tmp_path / "1", transform=None)


def test_vocabularies_of_another_training_are_refused(ranker, tmp_path: Path):
    others = {**vocabularies(), "item_id": vocabularies()["category"]}
    with pytest.raises(ValueError, match=r"num_ids .*'item_id': 61.* Received: .*'item_id': 13"):
        export_ranker(ranker, tmp_path / "1", spec=SPEC, vocabularies=others)
