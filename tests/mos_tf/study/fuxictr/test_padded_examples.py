import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.study.fuxictr.padded_examples import padded_examples


def columns_of(histories, candidates):
    """Requests whose ids are what is given, and whose category is the id's remainder by 3."""
    columns = {}
    for prefix, rows in (("history_", histories), ("candidate_", candidates)):
        ids = np.array([x for row in rows for x in row], np.int64)
        splits = np.cumsum([0, *(len(row) for row in rows)])
        columns |= {f"{prefix}item_id": ids, f"{prefix}item_id/splits": splits}
        columns |= {f"{prefix}category": ids % 3, f"{prefix}category/splits": splits}
    columns["label"] = np.array([i % 2 for row in candidates for i in range(len(row))], np.float32)
    columns["candidate_popularity"] = columns["label"] + np.float32(0.5)
    return columns


def test_events_stand_left_of_their_candidate_and_ids_come_one_later():
    columns = columns_of([[4, 7, 9], [5]], [[1], [2, 3]])
    examples = padded_examples(columns, np.array([0, 1]), ["item_id", "category"], ["popularity"])
    assert examples.ids["item_id"].tolist() == [[5, 8, 10, 2], [0, 0, 6, 3], [0, 0, 6, 4]]
    assert examples.ids["category"].tolist() == [[2, 2, 1, 2], [0, 0, 3, 3], [0, 0, 3, 1]]
    assert examples.mask.tolist() == [[1, 1, 1], [0, 0, 1], [0, 0, 1]]
    assert examples.labels.tolist() == [0, 0, 1]
    assert examples.numbers["popularity"].tolist() == [0.5, 0.5, 1.5]


def test_some_requests_come_in_the_order_asked_for_and_only_with_their_latest_events():
    columns = columns_of([[8], [4, 7, 9], [5]], [[6], [1], [2]])
    examples = padded_examples(columns, np.array([2, 1]), ["item_id"], max_events=2)
    assert examples.ids["item_id"].tolist() == [[0, 6, 3], [8, 10, 2]]


def test_requests_without_any_event_are_all_padding():
    examples = padded_examples(columns_of([[], []], [[1], [2]]), np.array([0, 1]), ["item_id"])
    assert examples.ids["item_id"].tolist() == [[0, 2], [0, 3]] and examples.mask.tolist() == [[0], [0]]


_rows = st.lists(st.integers(0, 9), max_size=6)


@given(st.lists(st.tuples(_rows, _rows), min_size=1, max_size=5), st.none() | st.integers(1, 4), st.randoms())
def test_every_candidate_has_the_history_of_its_request(requests, max_events, random):
    order = [random.randrange(len(requests)) for _ in range(3)]
    columns = columns_of(*zip(*requests, strict=True))
    examples = padded_examples(columns, np.array(order), ["item_id"], max_events=max_events)
    expected = [(requests[r][0], candidate) for r in order for candidate in requests[r][1]]
    assert len(examples.labels) == len(expected)
    for row, mask, (history, candidate) in zip(examples.ids["item_id"], examples.mask, expected, strict=True):
        kept = history if max_events is None else history[-max_events:]
        assert row[:-1][mask > 0].tolist() == [x + 1 for x in kept]
        assert row[-1] == candidate + 1
