import pyarrow.parquet as pq
import pytest

from mos_tf.datasets.adapters.adapt import adapt
from mos_tf.datasets.adapters.published import Statistics
from mos_tf.datasets.convert import convert
from mos_tf.datasets.describe import describe
from mos_tf.errors import DataError
from tests.support.small_log import SPEC, config

HEADER = "user_id,video_id,date,hourmin,time_ms,is_click,is_like,long_view,play_time_ms,is_rand,tab\n"
FIRST_WEEKS = HEADER + "0,7,20220421,400,1650485801301,1,0,1,9000,0,1\n0,8,20220421,400,1650485802999,0,0,0,0,0,1\n"
LAST_WEEKS = HEADER + "0,9,20220501,1200,1651377600000.0,1,0,0,8000,0,0\n"
RANDOM = HEADER + "0,7,20220422,900,1650589200000,0,0,0,0,1,1\n"
VIDEOS = 'video_id,author_id,video_type,upload_dt,tag\n7,70,NORMAL,2022-04-01,"12,65"\n8,80,AD,,\n9,70,NORMAL,,3\n'


@pytest.fixture
def kuairand(tmp_path):
    """The layout as published: several standard logs, one of random videos, the videos, all in `data`."""
    data = tmp_path / "KuaiRand-1K" / "data"
    data.mkdir(parents=True)
    for name, text in (
        ("log_standard_4_08_to_4_21_1k", FIRST_WEEKS),
        ("log_standard_4_22_to_5_08_1k", LAST_WEEKS),
        ("log_random_4_22_to_5_08_1k", RANDOM),
        ("video_features_basic_1k", VIDEOS),
    ):
        (data / f"{name}.csv").write_text(text)
    return data


def test_impressions_of_all_logs_are_joined_in_time(kuairand, tmp_path):
    adapted = adapt("kuairand-1k", kuairand.parent, tmp_path / "out")
    events = pq.read_table(tmp_path / "out" / "events.parquet").to_pylist()
    # Milliseconds become the second they lie in; the second log has them with a decimal point.
    assert {(e["item_id"], e["timestamp"], e["exposure_id"]) for e in events} == {
        ("7", 1650485801, "0-0"),
        ("9", 1651377600, "0-1"),
    }
    lists = pq.read_table(tmp_path / "out" / "exposures.parquet").to_pylist()
    assert lists == [{"exposure_id": "0-0", "item_ids": ["7"]}, {"exposure_id": "0-1", "item_ids": ["8", "7", "9"]}]
    assert adapted.found == Statistics(users=1, items=3, samples=4, positive_share=0.5)
    assert adapted.published.statistics.samples == 11_756_073  # 11,713,045 standard and 43,028 random


def test_what_is_written_is_described_and_converted(kuairand, tmp_path):
    adapted = adapt("kuairand-1k", kuairand, tmp_path / "out")
    assert describe(tmp_path / "out").events == 2
    counts = convert(tmp_path / "out", tmp_path / "requests", SPEC, config(splits=adapted.splits)).requests
    # Of four samples eight tenths are passed with the last alone, so all are for training.
    assert (counts["train/requests"], counts["train/positives"], counts["train/negatives"]) == (2, 2, 2)


def test_videos_have_their_first_tag_as_category_and_all_of_them(kuairand, tmp_path):
    adapt("kuairand-1k", kuairand, tmp_path / "out")  # the inner directory will do
    items = pq.read_table(tmp_path / "out" / "items.parquet").to_pylist()
    assert [(i["item_id"], i["category"], i["tags"]) for i in items] == [
        ("7", "12", ["12", "65"]),
        ("8", "", []),
        ("9", "3", ["3"]),
    ]


def test_bad_times_and_clicks_are_bad_rows(kuairand, tmp_path):
    good = "".join(f"1,8,20220501,1200,{1651377600000 + 1000 * n},0,0,0,0,0,0\n" for n in range(300))
    bad = "1,8,20220501,1200,soon,1,0,0,0,0,0\n1,8,20220501,1200,1651377600000,,0,0,0,0,0\n"
    (kuairand / "log_standard_4_22_to_5_08_1k.csv").write_text(LAST_WEEKS + good + bad)
    assert adapt("kuairand-1k", kuairand, tmp_path / "out").bad_rows == {"bad_timestamp": 1, "bad_label": 1}


@pytest.mark.parametrize("kind", ["log_standard", "log_random", "video_features_basic"])
def test_a_missing_kind_of_file_is_named(kuairand, tmp_path, kind):
    for file in kuairand.glob(f"{kind}_*.csv"):
        file.unlink()
    with pytest.raises(DataError, match=rf"KuaiRand has {kind}_\*.csv. Received: .* Bring the files as published"):
        adapt("kuairand-1k", kuairand, tmp_path / "out")


def test_a_missing_column_is_named(kuairand, tmp_path):
    file = kuairand / "log_random_4_22_to_5_08_1k.csv"
    file.write_text(RANDOM.replace("time_ms", "time"))
    with pytest.raises(DataError, match=r"log_random.*Missing: \['time_ms'"):
        adapt("kuairand-1k", kuairand, tmp_path / "out")
