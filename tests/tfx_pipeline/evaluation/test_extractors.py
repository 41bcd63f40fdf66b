import numpy as np
import pytest

from tfx_pipeline.evaluation.extractors import explode, length_bucket


def request(labels, scores, events: int = 3) -> dict:
    return {
        "features": {
            "user_id": np.array([b"ann"]),
            "history_timestamp": np.arange(events),
            "label": np.array(labels),
        },
        "labels": np.array(labels, np.float32),
        "predictions": {"scores": np.array(scores, np.float32), "num_candidates": np.array([len(labels)])},
        "example_weights": np.array([1.0]),
        "input": b"serialized",
    }


def test_a_request_becomes_one_extract_a_candidate():
    extracts = list(explode(request([0, 1], [0.25, 0.75])))

    assert [extract["labels"].tolist() for extract in extracts] == [[0.0], [1.0]]
    assert [extract["predictions"]["scores"].tolist() for extract in extracts] == [[0.25], [0.75]]


def test_padding_of_the_batch_is_nobodys_candidate():
    assert len(list(explode(request([1], [0.5, -1.0, -1.0])))) == 1


def test_a_request_without_candidates_gives_none():
    assert list(explode(request([], [-1.0]))) == []


def test_with_a_baseline_both_models_keep_their_own_scores():
    extract = request([0, 1], [0.25, 0.75])
    extract["labels"] = {"candidate": np.array([0, 1]), "baseline": np.array([0, 1])}
    extract["predictions"] = {
        "candidate": {"scores": np.array([0.25, 0.75])},
        "baseline": {"scores": np.array([0.125, 0.5, -1.0])},
    }

    second = list(explode(extract))[1]

    assert {name: value.tolist() for name, value in second["labels"].items()} == {"candidate": [1], "baseline": [1]}
    assert {name: value["scores"].tolist() for name, value in second["predictions"].items()} == {
        "candidate": [0.75],
        "baseline": [0.5],
    }


def test_only_what_slices_and_metrics_need_is_kept():
    [extract] = explode(request([1], [0.5], events=12))

    assert set(extract) == {"features", "labels", "predictions", "example_weights"}
    assert {key: value.tolist() for key, value in extract["features"].items()} == {
        "user_id": [b"ann"],
        "history_length": ["10-99"],
    }


@pytest.mark.parametrize(
    ("length", "bucket"),
    [(0, "0"), (1, "1-9"), (9, "1-9"), (10, "10-99"), (99, "10-99"), (100, "100-499"), (499, "100-499"), (500, "500+")],
)
def test_buckets_of_the_history_length(length, bucket):
    assert length_bucket(length) == bucket
