import numpy as np
import tensorflow as tf

from mos_tf.models.fitting import Fitted
from tfx_pipeline.training.record import count_tokens, theme_record, training_record

THEMES = {2: np.array([0, 1, 0, 2]), 3: np.array([0, 1, 2, 3]), 9: np.array([4, 5, 6, 9])}
COUNTS = np.array([6, 3, 1, 0])


def batch(users: list[int], times: list[int], histories: list[list[int]]) -> tuple[dict, None]:
    features = {
        "user_id": tf.constant(users, tf.int64),
        "request_time": tf.constant(times, tf.int64),
        "history_kind": tf.ragged.constant(histories, tf.int64),
    }
    return features, None


def test_events_that_requests_repeat_count_once():
    first = batch([7, 8], [10, 10], [[0], [2, 2]])
    later = batch([7], [20], [[0, 1]])

    assert count_tokens([first, later], "kind", num_ids=4).tolist() == [1, 1, 2, 0]
    assert count_tokens([later, first], "kind", num_ids=4).tolist() == [1, 1, 2, 0]


def test_the_load_is_each_themes_share_of_the_events_with_no_theme_last():
    record = training_record(Fitted({"loss": [0.5, 0.25]}, kept=2), THEMES, COUNTS, steps=10, seconds=1.23)

    assert record.theme_load["2"] == [0.7, 0.3, 0.0]
    assert record.theme_load["3"] == [0.6, 0.3, 0.1, 0.0]
    assert (record.history, record.kept, record.steps, record.seconds) == ({"loss": [0.5, 0.25]}, 2, 10, 1.2)


def test_the_middle_resolution_routes():
    record = theme_record(["tea", "jam", "milk"], THEMES, COUNTS)

    assert record.routing_resolution == 3
    assert record.resolutions == [2, 3, 9]
    assert record.tokens == ["tea", "jam", "milk"]
    assert record.themes["9"] == [4, 5, 6, 9]
    assert record.counts == [6, 3, 1, 0]
