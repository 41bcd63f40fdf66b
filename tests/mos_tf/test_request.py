import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.errors import DataError
from mos_tf.features import Feature, FeatureSpec
from mos_tf.privacy import hash_user
from mos_tf.request import Request

SPEC = FeatureSpec(
    features=(
        Feature(name="category", of="item"),
        Feature(name="dwell", of="event", kind="numeric"),
        Feature(name="popularity", of="candidate", kind="numeric"),
        Feature(name="device", of="context"),
        Feature(name="hour", of="context", kind="numeric"),
    ),
    theme_token="category",
)


def a_request(events=2, candidates=2, **changed):
    fields = {
        "user_id": "anna",
        "request_time": 1_000,
        "history": {
            "item_id": np.array([f"i{n}" for n in range(events)], dtype=object),
            "timestamp": np.arange(events, dtype=np.int64),
            "category": np.array(["öl"] * events, dtype=object),
            "dwell": np.arange(events, dtype=np.float32),
        },
        "candidates": {
            "item_id": np.array([f"c{n}" for n in range(candidates)], dtype=object),
            "category": np.array([""] * candidates, dtype=object),
            "popularity": np.linspace(-1, 0, candidates, dtype=np.float32),
        },
        "label": np.ones(candidates, dtype=np.float32),
        "context": {"device": "phone", "hour": np.float32(7.5)},
    }
    return Request(**{**fields, **changed})


@given(st.integers(0, 5), st.integers(0, 5))
def test_an_example_gives_the_request_back(events, candidates):
    request = a_request(events, candidates)
    back = Request.from_example(request.to_example(SPEC), SPEC)
    assert (back.user_id, back.request_time, back.context) == (request.user_id, request.request_time, request.context)
    np.testing.assert_array_equal(back.label, request.label)
    for mine, theirs in ((request.history, back.history), (request.candidates, back.candidates)):
        assert mine.keys() == theirs.keys()
        for name in mine:
            np.testing.assert_array_equal(mine[name], theirs[name])
            assert mine[name].dtype == theirs[name].dtype


def test_an_example_has_exactly_the_columns_of_the_spec():
    assert set(a_request().to_example(SPEC).features.feature) == {column.key for column in SPEC.columns()}


def test_an_unlabelled_request_has_no_label_column():
    example = a_request(label=None).to_example(SPEC)
    assert "label" not in example.features.feature
    assert Request.from_example(example, SPEC).label is None


def test_strings_bytes_and_other_values_become_utf8():
    ids = np.array(["öl", b"raw", 7], dtype=object)
    history = {"item_id": ids, "timestamp": np.arange(3)}
    example = Request("u", 10, history, {"item_id": []}).to_example(FeatureSpec())
    assert list(example.features.feature["history_item_id"].bytes_list.value) == ["öl".encode(), b"raw", b"7"]


def test_absent_lists_are_empty():
    example = tf.train.Example()
    example.features.feature["user_id"].bytes_list.value.append(b"u")
    example.features.feature["request_time"].int64_list.value.append(5)
    request = Request.from_example(example, FeatureSpec())
    assert (request.num_events, request.num_candidates) == (0, 0)


@pytest.mark.parametrize("key", ["user_id", "request_time", "device"])
def test_an_absent_scalar_is_named(key):
    example = a_request().to_example(SPEC)
    del example.features.feature[key]
    with pytest.raises(DataError, match=f"one value of {key!r}"):
        Request.from_example(example, SPEC)


def test_an_event_at_the_time_of_the_request_is_refused():
    with pytest.raises(DataError, match="strictly before request_time"):
        a_request(events=2, request_time=1)


def test_a_history_out_of_order_is_refused():
    history = {"item_id": ["a", "b"], "timestamp": np.array([5, 4])}
    with pytest.raises(DataError, match="oldest first.*from 5 to 4"):
        Request("u", 10, history, {"item_id": []})


def test_unequal_lists_name_the_request_and_their_lengths_but_not_the_user():
    history = {"item_id": ["a", "b"], "timestamp": np.array([1])}
    with pytest.raises(DataError) as raised:
        Request("anna", 10, history, {"item_id": []})
    assert f"request of {hash_user('anna')} at 10" in str(raised.value)
    assert "history_item_id=2, history_timestamp=1" in str(raised.value)
    assert "anna" not in str(raised.value)


def test_one_label_a_candidate():
    with pytest.raises(DataError, match="3 labels for 2 candidates"):
        a_request(candidates=2, label=np.ones(3))


@pytest.mark.parametrize("lacking", [("history", "item_id"), ("history", "timestamp"), ("candidates", "item_id")])
def test_items_and_times_are_always_there(lacking):
    part, name = lacking
    lists = {"history": {"item_id": [], "timestamp": []}, "candidates": {"item_id": []}}
    del lists[part][name]
    with pytest.raises(DataError, match=f"{name!r} is missing from"):
        Request("u", 10, **lists)


def test_a_feature_of_the_spec_that_the_request_lacks_is_named():
    with pytest.raises(DataError, match="'device' is missing from context"):
        a_request(context={"hour": 7.5}).to_example(SPEC)
