import datetime

import pytest
from pydantic import ValidationError

from mos_tf.datasets.config import RequestConfig, SplitTimes, load_config
from mos_tf.errors import DataError

SPLITS = {"train_start": "2017-07-01", "train_end": "2017-11-01", "eval_end": "2017-11-20", "test_end": "2017-12-31"}


def test_dates_iso_times_and_seconds_mean_the_same_in_utc():
    midnight = 1498867200
    for given in (
        midnight,
        "1498867200",
        "2017-07-01",
        "2017-07-01T00:00:00",
        "2017-07-01T02:00:00+02:00",
        datetime.date(2017, 7, 1),
        datetime.datetime(2017, 7, 1),
        datetime.datetime(2017, 7, 1, tzinfo=datetime.UTC),
    ):
        assert SplitTimes(**{**SPLITS, "train_start": given}).train_start == midnight


def test_a_split_holds_its_first_second_and_not_its_last():
    splits = SplitTimes(train_start=10, train_end=20, eval_end=30, test_end=40)
    found = [splits.split_of(time) for time in (9, 10, 19, 20, 29, 30, 39, 40)]
    assert found == [None, "train", "train", "eval", "eval", "test", "test", None]


@pytest.mark.parametrize("changed", [{"train_end": "2017-06-30"}, {"eval_end": "2017-11-01"}, {"test_end": 0}])
def test_the_splits_follow_each_other(changed):
    with pytest.raises(ValidationError, match="must hold. Received"):
        SplitTimes(**{**SPLITS, **changed})


@pytest.mark.parametrize("wrong", [{"max_history": 0}, {"negatives": "random"}, {"max_histroy": 5}, {"start": "soon"}])
def test_a_setting_that_is_wrong_or_unknown_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        RequestConfig(splits=SPLITS, **wrong)


def test_a_config_survives_json():
    config = RequestConfig(splits=SPLITS, event_types=("click",), max_users=3)
    assert RequestConfig.model_validate_json(config.model_dump_json()) == config


PIPELINE = """
spec:
  features: [{name: category, of: item}]
  theme_token: category
requests:
  splits: {train_start: 2017-07-01, train_end: 2017-11-01, eval_end: 2017-11-20, test_end: 2017-12-31}
  max_history: 7
training: {steps: 3}
"""


def test_a_pipelines_file_is_read_and_what_is_not_read_is_named(tmp_path):
    (tmp_path / "pipeline.yaml").write_text(PIPELINE)
    spec, requests, unread = load_config(tmp_path / "pipeline.yaml")
    assert spec.theme_token == "category"
    assert (requests.max_history, requests.splits) == (7, SplitTimes(**SPLITS))
    assert unread == ("training",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PIPELINE.replace("max_history", "max_histroy"), "requests.max_histroy: Extra inputs"),
        ("spec: {}", "requests: Field required"),
        ("just words", "file: "),
        ("spec: {", "is not YAML"),
    ],
)
def test_a_faulty_file_is_one_line_that_names_the_fault(tmp_path, content, message):
    (tmp_path / "faulty.yaml").write_text(content)
    with pytest.raises(DataError) as raised:
        load_config(tmp_path / "faulty.yaml")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read: .*absent.yaml"):
        load_config(tmp_path / "absent.yaml")
