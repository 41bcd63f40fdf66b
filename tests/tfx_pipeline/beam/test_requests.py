import gzip
import json
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
from apache_beam.testing.util import assert_that, equal_to

from mos_tf.datasets.config import SPLITS, RequestConfig
from mos_tf.datasets.convert import Counts, convert
from mos_tf.datasets.tables import WEEK_SECONDS
from mos_tf.errors import DataError
from tests.support.small_log import ITEMS, LISTS, SPEC, config, event, write_data_dir
from tfx_pipeline.beam.requests import BuildRequests

DAY = 86_400


@pytest.fixture
def log() -> list[dict]:
    """Thirty users of ten weeks, some rows repeated, in no order."""
    rng = np.random.default_rng(7)
    rows = []
    for user in range(30):
        for basket in range(rng.integers(1, 12)):
            time, exposure = int(rng.integers(10 * WEEK_SECONDS)), str(rng.choice(list(LISTS)))
            for item in rng.choice(list(ITEMS), rng.integers(1, 4), replace=False):
                rows.append(event(f"user-{user}", str(item), time, f"{user}-{basket}", exposure))
    return [rows[row] for row in rng.permutation([*range(len(rows)), 3, 3, 5])]


def assert_same_as_convert(data_dir: Path, out: Path, settings: RequestConfig) -> Counts:
    """Compares the whole output of Beam with the files of `convert`, whatever their order."""
    counts = convert(data_dir, out, SPEC, settings)
    with gzip.open(out / "dead_letters.jsonl.gz", "rt", encoding="utf-8") as file:
        letters = [json.loads(line) for line in file]
    with beam.Pipeline() as pipeline:
        built = pipeline | BuildRequests(data_dir, SPEC, settings)
        for split in SPLITS:
            files = sorted(map(str, out.glob(f"Split-{split}/*")))
            requests = list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator())
            assert_that(built[split], equal_to(requests), label=split)
        assert_that(built["dead_letters"], equal_to(letters), label="letters")
        assert_that(built["counts"], equal_to([counts]), label="counts")
    return counts


def test_requests_dead_letters_and_counts_are_those_of_convert(log: list[dict], tmp_path: Path):
    counts = assert_same_as_convert(write_data_dir(tmp_path / "data", log), tmp_path / "out", config(max_bad_share=1))
    assert counts.users == 30 and counts.dead_letters == {"duplicate": 3}
    assert all(counts.requests[f"{split}/requests"] > 10 for split in SPLITS)


def test_sampled_requests_are_those_of_convert_and_need_no_exposure_lists(log: list[dict], tmp_path: Path):
    data = write_data_dir(tmp_path / "data", log)
    (data / "exposures.parquet").unlink()
    counts = assert_same_as_convert(data, tmp_path / "out", config(negatives="sampled", max_bad_share=1))
    assert all(counts.requests[f"{split}/negatives"] > 10 for split in SPLITS)


@pytest.mark.parametrize("negatives", ["exposed", "sampled"])
def test_the_users_that_are_kept_are_those_of_convert(log: list[dict], tmp_path: Path, negatives: str):
    settings = config(max_users=7, max_bad_share=1, negatives=negatives)
    counts = assert_same_as_convert(write_data_dir(tmp_path / "data", log), tmp_path / "out", settings)
    assert counts.users == 7 and counts.rows < len(log) / 2


def test_every_kind_of_bad_row_becomes_a_dead_letter(log: list[dict], tmp_path: Path):
    good = event("user-1", "tea", 5 * DAY)
    bad = [
        good | {"user_id": ""},
        good | {"item_id": ""},
        good | {"timestamp": "yesterday"},
        good | {"event_type": "refund"},
        good | {"timestamp": 100 * DAY},
        good,
    ]
    settings = config(event_types=["purchase"], end=70 * DAY, max_bad_share=1)
    counts = assert_same_as_convert(
        write_data_dir(tmp_path / "data", [good, *bad], csv=True), tmp_path / "out", settings
    )
    assert counts.dead_letters == {
        "missing_user": 1,
        "missing_item": 1,
        "bad_timestamp": 1,
        "unknown_event_type": 1,
        "out_of_range": 1,
        "duplicate": 1,
    }


@pytest.mark.parametrize("negatives", ["exposed", "sampled"])
def test_a_log_without_a_good_row_makes_no_requests(tmp_path: Path, negatives: str):
    data = write_data_dir(tmp_path / "data", [event("user-1", "", 5 * DAY), event("user-2", "", 6 * DAY)])
    counts = assert_same_as_convert(data, tmp_path / "out", config(max_bad_share=1, negatives=negatives))
    assert (counts.rows, counts.users) == (2, 0)


def test_a_directory_without_events_is_refused_before_anything_runs(tmp_path: Path):
    with pytest.raises(DataError, match="events.parquet or events.csv"):
        BuildRequests(tmp_path, SPEC, config())


def test_a_missing_column_is_a_data_error_in_the_run_too(tmp_path: Path):
    rows = [{name: value for name, value in event("user-1", "tea", 5 * DAY).items() if name != "item_id"}]
    data = write_data_dir(tmp_path / "data", rows)
    with pytest.raises(DataError, match=r"Missing: \['item_id'\]"), beam.Pipeline() as pipeline:
        pipeline | BuildRequests(data, SPEC, config())
