import pyarrow as pa

from mos_tf.datasets.adapters.count import Count, SeenItems
from mos_tf.datasets.adapters.published import Statistics


def events(*rows):
    """Rows are (user, time, label)."""
    users, times, labels = map(list, zip(*rows, strict=True))
    return pa.table({"user_id": users, "timestamp": times, "label": pa.array(labels, pa.int8())})


def test_samples_are_rows_with_a_label():
    count = Count()
    count.add(events(("anna", 10, 1), ("ben", 20, None)), rows=3)
    count.add(events(("anna", 3_600, 0), ("anna", 7_199, 0)), rows=2)
    assert count.statistics(items=7) == Statistics(users=1, items=7, samples=3, positive_share=1 / 3)
    assert count.by_hour == {0: 1, 1: 2}
    assert count.rows == 5


def test_without_labels_every_row_is_a_sample_and_no_share_is_known():
    count = Count()
    count.add(events(("anna", 10, 1), ("ben", 20, 0)).drop_columns(["label"]), rows=2)
    assert count.statistics(items=1) == Statistics(users=2, items=1, samples=2)


def test_an_item_keeps_the_first_category_met_however_the_rows_come():
    seen = SeenItems()
    for item, category in (("tea", "drinks"), ("milk", None), ("tea", "food"), ("rolls", "bakery"), ("tea", "herbs")):
        seen.add(pa.table({"item_id": [item], "category": pa.array([category], pa.string()), "price": [1]}))
    assert seen.table().to_pylist() == [
        {"item_id": "tea", "category": "drinks"},
        {"item_id": "milk", "category": None},
        {"item_id": "rolls", "category": "bakery"},
    ]


def test_items_without_a_category_are_ids_alone():
    seen = SeenItems()
    seen.add(pa.table({"item_id": ["tea", "tea", "milk"]}))
    assert seen.table().to_pylist() == [{"item_id": "tea"}, {"item_id": "milk"}]
