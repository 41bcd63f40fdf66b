import numpy as np
import tensorflow as tf

from mos_tf.features import LABEL
from mos_tf.study.requests import Requests


def equal(a: Requests, b: Requests) -> bool:
    def flat(value):
        return (value.flat_values, value.row_splits) if isinstance(value, tf.RaggedTensor) else (value,)

    pairs = [zip(flat(a.columns[key]), flat(b.columns[key]), strict=True) for key in a.columns]
    return a.columns.keys() == b.columns.keys() and all(np.array_equal(x, y) for pair in pairs for x, y in pair)


def test_requests_come_back_from_disk_as_they_were(study_data, tmp_path):
    study_data.test.save(tmp_path / "requests.npz")
    assert equal(Requests.load(tmp_path / "requests.npz"), study_data.test)


def test_requests_drawn_are_some_of_all_in_their_order(study_data):
    times = study_data.test.columns["request_time"].numpy()
    drawn = study_data.test.drawn(9, seed=1)
    where = np.flatnonzero(np.isin(times, drawn.columns["request_time"].numpy()))
    assert len(drawn) == 9 and len(where) >= 9
    rows = [int(np.flatnonzero(times == time)[0]) for time in drawn.columns["request_time"].numpy()]
    assert equal(Requests({k: tf.gather(v, rows) for k, v in study_data.test.columns.items()}), drawn)
    assert equal(study_data.test.drawn(9, seed=1), drawn) and not equal(study_data.test.drawn(9, seed=2), drawn)
    assert study_data.test.drawn(10**6, seed=1) is study_data.test.drawn(None, seed=1) is study_data.test


def test_the_latest_request_of_each_user_is_taken_whatever_their_order():
    requests = Requests(
        {
            "user_id": tf.constant([7, 8, 7, 8], tf.int64),
            "request_time": tf.constant([30, 10, 20, 40], tf.int64),
            "history_item_id": tf.ragged.constant([[1, 2], [], [3], [4, 5]], dtype=tf.int64),
            LABEL: tf.ragged.constant([[1.0], [0.0], [0.0, 1.0], [1.0]]),
        }
    )
    latest = requests.latest()
    assert latest.columns["request_time"].numpy().tolist() == [30, 40]
    assert latest.columns["history_item_id"].to_list() == [[1, 2], [4, 5]]


def test_batches_in_order_hold_every_request_once(study_data):
    assert equal(Requests.collect(study_data.test.batches(7)), study_data.test)


def test_a_seed_decides_the_order_and_every_time_through_has_its_own(study_data):
    def order(dataset):
        return [time for features, _ in dataset for time in features["request_time"].numpy().tolist()]

    batches = study_data.test.batches(7, shuffled_by=3)
    first, second = order(batches), order(batches)
    assert first != second != order(study_data.test.batches(7))
    assert sorted(first) == sorted(second) == sorted(study_data.test.columns["request_time"].numpy().tolist())
    assert order(study_data.test.batches(7, shuffled_by=3)) == first


def test_every_candidate_has_the_user_of_its_request(study_data):
    label = study_data.test.columns[LABEL]
    expected = tf.gather(study_data.test.columns["user_id"], label.value_rowids())
    np.testing.assert_array_equal(study_data.test.users, expected)
    assert len(study_data.test.labels) == len(study_data.test.users)
