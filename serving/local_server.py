"""`LocalServer`: a ranker on this machine over gRPC, for demos and tests. Production uses `tensorflow_model_server`."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn, Self

import grpc
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, model_pb2, predict_pb2, prediction_service_pb2_grpc

from mos_tf.errors import MosError
from serving.loaded_model import LoadedModel
from serving.versions import newest_version

SIGNATURE_DEF = "signature_def"
_STATUS = {code.value[0]: code for code in grpc.StatusCode}


class LocalServer:
    """Serves the newest version in a model directory: Predict and GetModelMetadata of TF Serving's PredictionService.

    Production uses `tensorflow_model_server`, which takes the same directory and the same clients.

    Args:
        directory: holds one SavedModel a version, named by a number.
        name: what clients call the model.
        host: address to listen on; the default is reachable from this machine only.
        port: 0 takes a free one.
        threads: requests answered at a time.

    Raises:
        MosError: there is no version, it cannot be loaded, or the port is taken.

    Example:

    >>> with LocalServer("build/demo/serving", port=0) as server:  # doctest: +SKIP
    ...     print(server.address, server.version)
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        name: str = "ranker",
        host: str = "127.0.0.1",
        port: int = 8500,
        threads: int = 8,
    ):
        version = newest_version(directory)
        self.version = int(version.name)
        self._model = LoadedModel(version)
        # As TF Serving: messages of any size. And no second server on the same port, which gRPC would allow.
        options = {"grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1, "grpc.so_reuseport": 0}
        self._server = grpc.server(ThreadPoolExecutor(threads), options=list(options.items()))
        service = _PredictionService(self._model, name, self.version)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, self._server)
        try:
            bound = self._server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            self._model.close()
            raise MosError(f"the server needs a free port. Received: {host}:{port} is taken; try another") from error
        self.address = f"{host}:{bound}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(grace=5).wait()  # calls that are under way still get their answer
        self._model.close()


def stop_event() -> threading.Event:
    """Returns an event that SIGTERM and SIGINT set from now on."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


class _PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers for one model in one version, with the status codes of TF Serving."""

    def __init__(self, model: LoadedModel, name: str, version: int):
        self._model, self._name, self._version = model, name, version

    def Predict(  # noqa: N802
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        self._check(request.model_spec, context)
        signature = request.model_spec.signature_name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        try:
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            outputs = self._model.run(signature, inputs, request.output_filter)
        except tf.errors.OpError as error:
            _abort(context, _STATUS[error.error_code], error.message)
        except (TypeError, ValueError) as error:
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return predict_pb2.PredictResponse(
            model_spec=self._model_spec(signature),
            outputs={name: tf.make_tensor_proto(value) for name, value in outputs.items()},
        )

    def GetModelMetadata(  # noqa: N802
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        self._check(request.model_spec, context)
        if list(request.metadata_field) != [SIGNATURE_DEF]:
            message = f"metadata_field must be [{SIGNATURE_DEF!r}]. Received: {list(request.metadata_field)}"
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, message)
        response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=self._model_spec())
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=self._model.signatures)
        response.metadata[SIGNATURE_DEF].Pack(signatures)
        return response

    def _check(self, wanted: model_pb2.ModelSpec, context: grpc.ServicerContext) -> None:
        if wanted.name != self._name:
            _abort(context, grpc.StatusCode.NOT_FOUND, f"this server has {self._name!r}. Received: {wanted.name!r}")
        if wanted.version_label:
            message = f"this server knows no version labels. Received: {wanted.version_label!r}"
            _abort(context, grpc.StatusCode.INVALID_ARGUMENT, message)
        if wanted.HasField("version") and wanted.version.value != self._version:
            message = f"this server has version {self._version} of {self._name!r}. Received: {wanted.version.value}"
            _abort(context, grpc.StatusCode.NOT_FOUND, message)

    def _model_spec(self, signature: str = "") -> model_pb2.ModelSpec:
        return model_pb2.ModelSpec(name=self._name, version={"value": self._version}, signature_name=signature)


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, message: str) -> NoReturn:
    context.abort(code, message)
    raise AssertionError("abort raises")
