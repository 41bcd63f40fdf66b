import pyarrow.parquet as pq
import pytest

from mos_tf.datasets.adapters.adapt import adapt
from mos_tf.datasets.adapters.published import Statistics
from mos_tf.datasets.convert import convert
from mos_tf.datasets.describe import describe
from mos_tf.errors import DataError
from tests.support.small_log import SPEC, config

BEHAVIOURS = "1,10,100,pv,1511544070\n1,20,200,cart,1511561733\n2,10,100,buy,1512230400\n"


@pytest.fixture
def taobao(tmp_path):
    (tmp_path / "taobao").mkdir()
    (tmp_path / "taobao" / "UserBehavior.csv").write_text(BEHAVIOURS)
    return tmp_path / "taobao"


def test_behaviours_become_events_in_the_order_of_their_users(taobao, tmp_path):
    adapted = adapt("taobao-user-behavior", taobao / "UserBehavior.csv", tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / "events.parquet").to_pylist() == [
        {"user_id": "1", "item_id": "10", "category": "100", "event_type": "pv", "timestamp": 1511544070},
        {"user_id": "1", "item_id": "20", "category": "200", "event_type": "cart", "timestamp": 1511561733},
        {"user_id": "2", "item_id": "10", "category": "100", "event_type": "buy", "timestamp": 1512230400},
    ]
    assert adapted.found == Statistics(users=2, items=2, samples=3)
    assert pq.read_table(tmp_path / "out" / "exposures.parquet").num_rows == 0


def test_what_is_written_is_described_and_converted_to_no_requests_without_lists(taobao, tmp_path):
    adapted = adapt("taobao-user-behavior", taobao, tmp_path / "out")
    assert describe(tmp_path / "out").events == 3
    counts = convert(tmp_path / "out", tmp_path / "requests", SPEC, config(splits=adapted.splits))
    assert counts.requests == {"baskets": 3, "without_list": 3}


def test_requests_are_sampled_from_what_earlier_weeks_saw(taobao, tmp_path):
    adapted = adapt("taobao-user-behavior", taobao, tmp_path / "out")
    settings = config(splits=adapted.splits, negatives="sampled")
    counts = convert(tmp_path / "out", tmp_path / "requests", SPEC, settings)
    # User 1's two events are of the log's first week, user 2 buys in its second, on the last day.
    assert counts.requests == {
        "baskets": 3,
        "positives_outside_pool": 2,
        "without_seen_purchase": 2,
        "test/requests": 1,
        "test/positives": 1,
        "test/negatives": 1,
        "test/history_events": 0,
    }


def test_items_are_those_met_each_once_with_its_category(taobao, tmp_path):
    adapt("taobao-user-behavior", taobao, tmp_path / "out")
    items = pq.read_table(tmp_path / "out" / "items.parquet").to_pylist()
    assert items == [{"item_id": "10", "category": "100"}, {"item_id": "20", "category": "200"}]


def test_the_splits_end_at_midnight_in_china(taobao, tmp_path):
    splits = adapt("taobao-user-behavior", taobao, tmp_path / "out").splits
    # 2017-12-01 16:00, 2017-12-02 16:00 and 2017-12-03 16:00 UTC.
    assert (splits.train_end, splits.eval_end, splits.test_end) == (1512144000, 1512230400, 1512316800)


def test_rows_outside_the_nine_days_and_unknown_behaviours_are_bad_rows(taobao, tmp_path):
    good = "".join(f"3,10,100,pv,{1511600000 + n}\n" for n in range(300))
    bad = "3,10,100,pv,1511539199\n3,10,100,pv,1512316800\n3,10,100,like,1511600000\n"
    (taobao / "UserBehavior.csv").write_text(BEHAVIOURS + good + bad)
    adapted = adapt("taobao-user-behavior", taobao, tmp_path / "out")
    assert adapted.bad_rows == {"out_of_range": 2, "unknown_event_type": 1}
    assert adapted.found.samples == 303


@pytest.mark.parametrize("text", ["1\t10\t100\tpv\t1511544070\n", "1,10,pv,1511544070\n", ""])
def test_rows_of_other_than_five_columns_are_another_layout(taobao, tmp_path, text):
    (taobao / "UserBehavior.csv").write_text(text)
    with pytest.raises(DataError, match="must have the columns .*'category', 'event_type', 'timestamp'.* no header"):
        adapt("taobao-user-behavior", taobao, tmp_path / "out")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"UserBehavior.csv. Received: .* with \[\]"):
        adapt("taobao-user-behavior", tmp_path, tmp_path / "out")
