import pyarrow as pa

from mos_tf.datasets.adapters.lists import part_impressions


def part(*rows, sessions=None):
    """Rows are (user, item, time, label)."""
    columns = dict(zip(("user_id", "item_id", "timestamp", "label"), map(list, zip(*rows, strict=True)), strict=True))
    table = pa.table({**columns, "label": pa.array(columns["label"], pa.int8())})
    if sessions:
        table = table.append_column("session_id", pa.array(sessions, pa.string()))
    events, lists = part_impressions(table)
    assert "label" not in events.column_names
    found = {(e["user_id"], e["item_id"], e["timestamp"]): e["exposure_id"] for e in events.to_pylist()}
    assert len(found) == len(events)
    return found, {row["exposure_id"]: row["item_ids"] for row in lists.to_pylist()}


def test_a_list_holds_what_was_shown_after_one_click_and_up_to_the_next():
    events, lists = part(
        ("anna", "c", 3, 1), ("anna", "a", 1, 0), ("anna", "b", 2, 0), ("anna", "e", 5, 1), ("anna", "d", 4, 0)
    )  # fmt: skip
    assert events == {("anna", "c", 3): "anna-0", ("anna", "e", 5): "anna-1"}
    assert lists == {"anna-0": ["a", "b", "c"], "anna-1": ["d", "e"]}


def test_what_comes_after_the_last_click_is_in_no_list_of_anybody():
    events, lists = part(("anna", "a", 1, 1), ("anna", "b", 2, 0), ("ben", "c", 3, 1))
    assert lists == {"anna-0": ["a"], "ben-0": ["c"]}
    assert len(events) == 2


def test_what_is_shown_in_the_second_of_a_click_is_in_its_list():
    events, lists = part(("anna", "a", 1, 1), ("anna", "b", 1, 0), ("anna", "c", 1, 1))
    assert sorted(lists["anna-0"]) == ["a", "b", "c"] and len(lists) == 1
    assert set(events.values()) == {"anna-0"}


def test_a_session_ends_a_list():
    rows = ("anna", "a", 1, 0), ("anna", "b", 2, 0), ("anna", "c", 3, 1), ("anna", "d", 2, 1)
    events, lists = part(*rows, sessions=["x", "y", "y", "x"])
    assert sorted(lists.values()) == [["a", "d"], ["b", "c"]]
    assert lists[events["anna", "d", 2]] == ["a", "d"]


def test_an_event_without_a_label_is_history_only():
    events, lists = part(("anna", "a", 1, None), ("anna", "b", 2, 1))
    assert events == {("anna", "a", 1): None, ("anna", "b", 2): "anna-0"}
    assert lists == {"anna-0": ["b"]}


def test_an_event_without_a_label_ends_a_list_since_the_history_changes_there():
    _, lists = part(("anna", "a", 1, 0), ("anna", "b", 2, None), ("anna", "c", 3, 0), ("anna", "d", 4, 1))
    assert lists == {"anna-0": ["c", "d"]}


def test_an_event_without_a_label_in_the_second_of_a_click_is_of_its_basket_and_yet_not_shown():
    events, lists = part(("anna", "a", 2, 0), ("anna", "b", 2, None), ("anna", "c", 2, 1), ("anna", "d", 1, None))
    assert events == {("anna", "b", 2): "anna-0", ("anna", "c", 2): "anna-0", ("anna", "d", 1): None}
    assert sorted(lists["anna-0"]) == ["a", "c"]


def test_users_who_clicked_nothing_have_neither_events_nor_lists():
    assert part(("anna", "a", 1, 0)) == ({}, {})
