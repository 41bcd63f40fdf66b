"""`RankingClient`: requests in, rankings out, over gRPC to anything that speaks TF Serving's PredictionService."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import grpc
import numpy as np
import tensorflow as tf
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis import get_model_metadata_pb2, model_pb2, predict_pb2, prediction_service_pb2_grpc

from mos_tf.errors import DataError, MosError
from mos_tf.features import FeatureSpec
from mos_tf.request import Request

ATTEMPTS = 4
FIRST_WAIT, LONGEST_WAIT = 0.1, 1.0  # seconds


@dataclass(frozen=True)
class Ranking:
    """What the server answered to one request of n candidates, in their order.

    Attributes:
        scores: probabilities, float32 [n].
        themes: int64 [n], the theme that each candidate was routed to; None unless explained.
        gates: float32 [n, experts], the weight of each expert; None unless explained.
        version: of the model that answered.
    """

    scores: np.ndarray
    themes: np.ndarray | None
    gates: np.ndarray | None
    version: int

    def best(self) -> np.ndarray:
        """Returns the positions of the candidates, best first; equal scores keep the order of the request."""
        return np.argsort(-self.scores, kind="stable")


@dataclass(frozen=True)
class Metadata:
    """Which version a server has, and its signatures by name."""

    version: int
    signatures: Mapping[str, SignatureDef]


class RankingClient:
    """Asks a server that holds an exported ranker.

    Requests are checked and cast here, so most mistakes never leave the machine. A call that finds no server is
    repeated after a short, random wait, four times at most; nothing else is repeated.

    Args:
        address: `host:port` of the server's gRPC port.
        spec: the features of a request, as the model was exported with.
        model: the model's name on the server.
        timeout: seconds for a call, repetitions included.

    Example:

    >>> with RankingClient("127.0.0.1:8500", spec) as client:  # doctest: +SKIP
    ...     ranking = client.rank([request])[0]
    """

    def __init__(self, address: str, spec: FeatureSpec, model: str = "ranker", timeout: float = 10.0):
        self.address, self.spec, self.model, self.timeout = address, spec, model, timeout
        options = {
            "grpc.max_receive_message_length": -1,
            "grpc.max_send_message_length": -1,
            "grpc.initial_reconnect_backoff_ms": int(1000 * FIRST_WAIT),  # or a repeated call would not even try
        }
        self._channel = grpc.insecure_channel(address, options=list(options.items()))
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def rank(self, requests: Sequence[Request], *, explain: bool = False) -> list[Ranking]:
        """Scores the candidates of each request, all requests in one call.

        Args:
            requests: labels, where there are any, are not sent.
            explain: whether themes and gates come too.

        Raises:
            DataError: a request lacks a feature of the spec, or a value is not of the feature's type.
            MosError: the server cannot be reached, is too slow, refuses the requests or answers something else.
        """
        if not requests:
            return []
        examples = [self._serialized(request) for request in requests]
        response = self._call(
            self._stub.Predict,
            predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=self.model, signature_name="explain" if explain else ""),
                inputs={"examples": tf.make_tensor_proto(examples, dtype=tf.string)},
            ),
        )
        outputs = {name: tf.make_ndarray(value) for name, value in response.outputs.items()}
        version = response.model_spec.version.value
        return [self._ranking(row, request, outputs, version) for row, request in enumerate(requests)]

    def metadata(self) -> Metadata:
        """Asks which version the server has and with which signatures.

        Raises:
            MosError: as `rank`.
        """
        response = self._call(
            self._stub.GetModelMetadata,
            get_model_metadata_pb2.GetModelMetadataRequest(
                model_spec=model_pb2.ModelSpec(name=self.model), metadata_field=["signature_def"]
            ),
        )
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        return Metadata(response.model_spec.version.value, dict(signatures.signature_def))

    def _serialized(self, request: Request) -> bytes:
        try:
            return replace(request, label=None).to_example(self.spec).SerializeToString()
        except DataError:
            raise
        except (TypeError, ValueError) as error:  # of NumPy, which knows neither the request nor the rule
            raise DataError(f"{request}: values must be of their feature's type. Received: {error}") from error

    def _ranking(self, row: int, request: Request, outputs: Mapping[str, np.ndarray], version: int) -> Ranking:
        n = request.num_candidates
        if not {"scores", "num_candidates"} <= set(outputs) or outputs["num_candidates"][row] != n:
            raise MosError(
                f"model {self.model!r} at {self.address} must answer with one score a candidate. "
                f"Received: {sorted(outputs)} for {n} candidates; is it an exported ranker?"
            )
        themes, gates = (outputs[name][row, :n] if name in outputs else None for name in ("themes", "gates"))
        return Ranking(outputs["scores"][row, :n], themes, gates, version)

    def _call(self, method: Callable, message: Any) -> Any:
        deadline = time.monotonic() + self.timeout
        retrying = Retrying(
            retry=retry_if_exception(_is_unavailable),
            wait=wait_random_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT),
            stop=stop_after_attempt(ATTEMPTS),
            reraise=True,
        )
        try:
            return retrying(lambda: method(message, timeout=max(deadline - time.monotonic(), 0)))
        except grpc.RpcError as error:
            raise MosError(self._explanation(error)) from error

    def _explanation(self, error: grpc.RpcError) -> str:
        reason = " ".join((error.details() or "no reason given").split())
        match error.code():
            case grpc.StatusCode.UNAVAILABLE:
                port = self.address.rpartition(":")[2]
                return (
                    f"no server can be reached at {self.address}. "
                    f"Start one with: mos serve run MODEL_DIRECTORY --port {port}"
                )
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return (
                    f"the server at {self.address} must answer within {self.timeout:g} s. Received: nothing; "
                    "allow more time, or send fewer requests in a call"
                )
            case grpc.StatusCode.INVALID_ARGUMENT:
                return f"the server at {self.address} refuses the request: {reason}"
            case grpc.StatusCode.NOT_FOUND:
                return f"the server at {self.address} has no such model: {reason}"
            case code:
                return f"the server at {self.address} failed with {code.name}: {reason}"


def _is_unavailable(error: BaseException) -> bool:
    return isinstance(error, grpc.RpcError) and error.code() is grpc.StatusCode.UNAVAILABLE
