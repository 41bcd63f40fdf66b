import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.errors import DataError
from mos_tf.ragged.packing import pack_requests

sizes = st.lists(st.integers(0, 9), max_size=12)


def requests_of(lengths: list[int]) -> list[tuple[dict, dict]]:
    rng = np.random.default_rng(0)
    return [
        ({"vector": rng.normal(size=(n, 2)), "age": rng.integers(1, 9, n)}, {"candidate": rng.normal(size=2)})
        for n in lengths
    ]


@given(sizes, st.integers(9, 20), st.integers(1, 5))
def test_every_request_comes_out_once_in_order_and_whole(lengths, num_events, num_rows):
    requests = requests_of(lengths)
    found = []
    for packed in pack_requests(requests, num_events, num_rows):
        for row in range(packed.num_requests):
            part = slice(packed.splits[row], packed.splits[row + 1])
            found.append(({n: v[part] for n, v in packed.events.items()}, packed.requests["candidate"][row]))
    assert len(found) == len(requests)
    for (events, candidate), (expected, request) in zip(found, requests, strict=True):
        np.testing.assert_array_equal(events["vector"], expected["vector"])
        np.testing.assert_array_equal(events["age"], expected["age"])
        np.testing.assert_array_equal(candidate, request["candidate"])


@given(sizes, st.integers(9, 20), st.integers(1, 5))
def test_shapes_never_change_and_what_is_unused_is_zero(lengths, num_events, num_rows):
    for packed in pack_requests(requests_of(lengths), num_events, num_rows):
        assert packed.events["vector"].shape == (num_events, 2)
        assert packed.splits.shape == (num_rows + 1,) and packed.splits.dtype == np.int32
        assert packed.requests["candidate"].shape == (num_rows, 2)
        assert not packed.events["vector"][packed.splits[-1] :].any()
        assert not packed.requests["candidate"][packed.num_requests :].any()


def test_a_request_larger_than_the_budget_is_named():
    with pytest.raises(DataError, match="request 1 with 5 events for num_events=4"):
        list(pack_requests(requests_of([2, 5]), 4, 2))
