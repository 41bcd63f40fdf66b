import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from mos_tf import Request
from mos_tf.errors import DataError, MosError
from serving import RankingClient
from serving.client import Ranking
from serving.local_server import LocalServer
from tests.serving.conftest import VERSION
from tests.support.ranked_requests import SPEC, planted_requests

Answer = Callable[[grpc.ServicerContext], predict_pb2.PredictResponse]


class Scripted(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Gives the answers of a script, one a call, and counts the calls."""

    def __init__(self, *answers: Answer):
        self.answers, self.calls = list(answers), 0

    def Predict(self, request, context):  # noqa: N802
        self.calls += 1
        return self.answers[self.calls - 1](context)


def fails(code: grpc.StatusCode, details: str = "scripted") -> Answer:
    return lambda context: context.abort(code, details)


def scores(*rows: list[float]) -> Answer:
    outputs = {
        "scores": tf.make_tensor_proto(np.array(rows, np.float32)),
        "num_candidates": tf.make_tensor_proto(np.array([len(row) for row in rows])),
    }
    return lambda _: predict_pb2.PredictResponse(outputs=outputs)


@contextmanager
def client_of(service: Scripted, timeout: float = 10.0) -> Iterator[RankingClient]:
    server = grpc.server(ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with RankingClient(f"127.0.0.1:{port}", SPEC, timeout=timeout) as client:
            yield client
    finally:
        server.stop(None).wait()


@pytest.fixture(scope="module")
def client(server: LocalServer) -> Iterator[RankingClient]:
    with RankingClient(server.address, SPEC) as client:
        yield client


@pytest.fixture
def two_candidates() -> Request:
    return planted_requests([3], [2])[0]


def test_each_request_gets_the_scores_of_its_own_candidates(client, requests, expected):
    rankings = client.rank(requests)
    for ranking, wanted in zip(rankings, expected["scores"], strict=True):
        np.testing.assert_allclose(ranking.scores, wanted.numpy(), rtol=0, atol=1e-5)
        assert (ranking.themes, ranking.gates, ranking.version) == (None, None, VERSION)


def test_an_explained_ranking_says_themes_and_gates(client, requests, expected):
    for row, ranking in enumerate(client.rank(requests, explain=True)):
        np.testing.assert_array_equal(ranking.themes, expected["themes"][row].numpy())
        np.testing.assert_allclose(ranking.gates, expected["gates"][row].numpy(), rtol=0, atol=1e-5)


def test_no_requests_need_no_server():
    with RankingClient("127.0.0.1:1", SPEC) as client:
        assert client.rank([]) == []


def test_the_best_come_first_and_ties_keep_their_order():
    ranking = Ranking(np.array([0.2, 0.9, 0.2, 0.5], np.float32), None, None, 1)
    assert ranking.best().tolist() == [1, 3, 0, 2]


def test_numbers_are_cast_to_what_the_spec_says(client, two_candidates: Request):
    doubles = {**two_candidates.candidates, "popularity": two_candidates.candidates["popularity"].astype(np.float64)}
    cast, plain = client.rank([replace(two_candidates, candidates=doubles), two_candidates])
    np.testing.assert_array_equal(cast.scores, plain.scores)


def test_a_missing_feature_is_found_before_anything_is_sent(two_candidates: Request):
    service = Scripted()
    without = {name: values for name, values in two_candidates.candidates.items() if name != "category"}
    two_candidates = replace(two_candidates, candidates=without)
    with client_of(service) as client, pytest.raises(DataError, match="'category' is missing from candidate"):
        client.rank([two_candidates])
    assert service.calls == 0


def test_a_value_of_another_type_is_an_error_that_names_the_request_and_not_the_user(client, two_candidates: Request):
    priced = {**two_candidates.history, "price": np.array(["a", "b", "c"], dtype=object)}
    with pytest.raises(DataError, match="could not convert string to float: 'a'") as raised:
        client.rank([replace(two_candidates, history=priced)])
    assert two_candidates.user_id not in str(raised.value)


def test_metadata_say_the_version_and_the_signatures(client):
    metadata = client.metadata()
    assert metadata.version == VERSION
    assert sorted(metadata.signatures) == ["explain", "serving_default"]
    assert sorted(metadata.signatures["explain"].outputs) == ["gates", "num_candidates", "scores", "themes"]


def test_no_server_is_an_error_that_says_how_to_start_one(two_candidates: Request):
    with RankingClient("127.0.0.1:1", SPEC) as client, pytest.raises(MosError) as raised:
        client.rank([two_candidates])
    assert str(raised.value) == (
        "no server can be reached at 127.0.0.1:1. Start one with: mos serve run MODEL_DIRECTORY --port 1"
    )


def test_a_server_that_comes_back_is_asked_again(two_candidates: Request):
    service = Scripted(fails(grpc.StatusCode.UNAVAILABLE), fails(grpc.StatusCode.UNAVAILABLE), scores([0.5, 0.25]))
    with client_of(service) as client:
        assert client.rank([two_candidates])[0].scores.tolist() == [0.5, 0.25]


def test_it_is_asked_four_times_at_most(two_candidates: Request):
    service = Scripted(*[fails(grpc.StatusCode.UNAVAILABLE)] * 9)
    with client_of(service) as client, pytest.raises(MosError, match="no server can be reached"):
        client.rank([two_candidates])
    assert service.calls == 4


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "refuses the request: two lines"),
        (grpc.StatusCode.NOT_FOUND, "has no such model: two lines"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "failed with RESOURCE_EXHAUSTED: two lines"),
    ],
)
def test_other_failures_are_told_in_one_line_and_not_repeated(two_candidates: Request, code, line: str):
    service = Scripted(fails(code, "two\nlines"))
    with client_of(service) as client, pytest.raises(MosError) as raised:
        client.rank([two_candidates])
    assert str(raised.value) == f"the server at {client.address} {line}"
    assert service.calls == 1


def test_a_server_that_is_too_slow_is_not_waited_for(two_candidates: Request):
    released = threading.Event()
    service = Scripted(lambda _: released.wait(5) and None)
    with client_of(service, timeout=0.2) as client:
        with pytest.raises(MosError, match="must answer within 0.2 s"):
            client.rank([two_candidates])
        released.set()


def test_another_number_of_scores_than_candidates_is_refused(two_candidates: Request):
    with client_of(Scripted(scores([0.5]))) as client, pytest.raises(MosError, match="for 2 candidates"):
        client.rank([two_candidates])


def test_a_model_of_another_kind_is_recognised(two_candidates: Request):
    service = Scripted(lambda _: predict_pb2.PredictResponse(outputs={"logits": tf.make_tensor_proto([1.0])}))
    with client_of(service) as client, pytest.raises(MosError, match=r"Received: \['logits'\]"):
        client.rank([two_candidates])


def test_another_model_name_is_not_found(server: LocalServer, two_candidates: Request):
    with RankingClient(server.address, SPEC, model="other") as client, pytest.raises(MosError, match="no such model"):
        client.rank([two_candidates])
