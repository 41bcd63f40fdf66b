import shutil
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_service_pb2_grpc

from mos_tf.errors import MosError
from serving.local_server import LocalServer
from tests.serving.conftest import VERSION
from tests.support.letter_ranker import LetterRanker, request


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with two versions of a model that scores .125, or in the newer one .25, a letter."""
    directory = tmp_path_factory.mktemp("letters")
    LetterRanker().save(directory / "9")
    LetterRanker(0.25).save(directory / "10")
    with LocalServer(directory, name="letters", port=0) as server:
        yield server


@pytest.fixture(scope="module")
def stub(letters: LocalServer) -> Iterator[prediction_service_pb2_grpc.PredictionServiceStub]:
    with grpc.insecure_channel(letters.address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def question(dtype: tf.DType = tf.string, model: str = "letters", **spec: object) -> predict_pb2.PredictRequest:
    values = [request("tea", "milk"), request("jam")] if dtype == tf.string else [1.0]
    message = predict_pb2.PredictRequest(inputs={"examples": tf.make_tensor_proto(values, dtype=dtype)})
    message.model_spec.name = model
    for name, value in spec.items():
        if name == "version":
            message.model_spec.version.value = value
        else:
            setattr(message.model_spec, name, value)
    return message


def status(stub, message) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as raised:
        stub.Predict(message)
    return raised.value.code(), raised.value.details() or ""


def test_predict_answers_from_the_newest_version_and_says_which(stub):
    response = stub.Predict(question())
    assert tf.make_ndarray(response.outputs["scores"]).tolist() == [[0.75, 1.0], [0.75, -1.0]]
    assert tf.make_ndarray(response.outputs["num_candidates"]).tolist() == [2, 1]
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("letters", 10, "serving_default")


def test_an_output_filter_is_honoured(stub):
    message = question()
    message.output_filter.append("num_candidates")
    assert list(stub.Predict(message).outputs) == ["num_candidates"]


def test_the_right_version_and_signature_may_be_named(stub):
    assert stub.Predict(question(version=10, signature_name="serving_default")).outputs


@pytest.mark.parametrize(
    ("message", "code", "details"),
    [
        (question(model="words"), grpc.StatusCode.NOT_FOUND, "this server has 'letters'. Received: 'words'"),
        (question(version=9), grpc.StatusCode.NOT_FOUND, "version 10 of 'letters'. Received: 9"),
        (question(version_label="stable"), grpc.StatusCode.INVALID_ARGUMENT, "knows no version labels"),
        (question(signature_name="embed"), grpc.StatusCode.INVALID_ARGUMENT, "['serving_default']. Received: 'embed'"),
        (question(tf.float32), grpc.StatusCode.INVALID_ARGUMENT, "input 'examples' must be string. Received: float32"),
        (
            predict_pb2.PredictRequest(model_spec={"name": "letters"}),
            grpc.StatusCode.INVALID_ARGUMENT,
            "inputs of 'serving_default' must be ['examples']. Received: []",
        ),
    ],
)
def test_what_cannot_be_answered_gets_the_status_of_tf_serving(stub, message, code, details: str):
    got = status(stub, message)
    assert got[0] == code and details in got[1]


def test_an_unknown_output_is_refused(stub):
    message = question()
    message.output_filter.append("embedding")
    assert status(stub, message)[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_an_error_inside_the_graph_keeps_its_status(stub):
    message = question()
    message.inputs["examples"].CopyFrom(tf.make_tensor_proto([b"no tf.Example"]))
    code, details = status(stub, message)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "Could not parse example input" in details


def test_metadata_holds_the_signatures(stub):
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = "letters"
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert stub.GetModelMetadata(message).metadata["signature_def"].Unpack(signatures)
    assert list(signatures.signature_def) == ["serving_default"]
    assert sorted(signatures.signature_def["serving_default"].outputs) == ["num_candidates", "scores"]


def test_metadata_of_another_kind_is_refused(stub):
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["weights"])
    message.model_spec.name = "letters"
    with pytest.raises(grpc.RpcError, match="metadata_field must be"):
        stub.GetModelMetadata(message)


def test_messages_may_be_larger_than_grpcs_default_of_4_mib(stub):
    message = question()
    message.inputs["examples"].CopyFrom(tf.make_tensor_proto([request("a" * 5 * 2**20)]))
    assert tf.make_ndarray(stub.Predict(message).outputs["scores"]).tolist() == [[0.25 * 5 * 2**20]]


def test_a_taken_port_is_an_error_in_one_line(letters: LocalServer, model_dir: Path):
    port = int(letters.address.rpartition(":")[2])
    with pytest.raises(MosError, match=f"Received: 127.0.0.1:{port} is taken"):
        LocalServer(model_dir, port=port)


def test_half_a_model_is_an_error_in_one_line(model_dir: Path, tmp_path: Path):
    shutil.copytree(model_dir / str(VERSION), tmp_path / "4")
    shutil.rmtree(tmp_path / "4" / "variables")
    with pytest.raises(MosError, match="must be a SavedModel that loads") as raised:
        LocalServer(tmp_path, port=0)
    assert "\n" not in str(raised.value)


def test_it_listens_on_this_machine_alone_unless_told_otherwise(letters: LocalServer):
    assert letters.address.startswith("127.0.0.1:")
