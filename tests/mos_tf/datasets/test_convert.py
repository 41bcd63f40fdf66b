import gzip
import json
import random
from pathlib import Path

import pytest
import tensorflow as tf

from mos_tf.datasets import shards
from mos_tf.datasets.convert import convert
from mos_tf.datasets.tables import WEEK_SECONDS
from mos_tf.errors import DataError
from mos_tf.privacy import hash_user
from mos_tf.request import Request
from tests.support.request_oracle import requests_of
from tests.support.small_log import ITEMS, LISTS, SPEC, config, event, write_data_dir

USERS = ("anna", "bert", "cleo", "dora", "emil")


def a_log(users=USERS):
    """Every user buys two or three things in each of ten weeks."""
    draw = random.Random(7)
    return [
        event(user, item, week * WEEK_SECONDS + draw.randrange(9), f"{user}{week}", draw.choice(list(LISTS)))
        for user in users
        for week in range(10)
        for item in draw.sample(list(ITEMS), draw.choice([2, 3]))
    ]


def serialized(out: Path, split: str) -> list[bytes]:
    files = sorted((out / f"Split-{split}").glob("requests-*-of-*.tfrecord.gz"))
    return [bytes(r) for r in tf.data.TFRecordDataset([str(f) for f in files], "GZIP").as_numpy_iterator()]


def requests_in(out: Path, split: str) -> list[Request]:
    return [Request.from_example(tf.train.Example.FromString(record), SPEC) for record in serialized(out, split)]


def letters_in(out: Path) -> list[dict]:
    with gzip.open(out / "dead_letters.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def bytes_of(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("negatives", ["exposed", "sampled"])
def test_files_hold_every_users_requests_as_the_oracle_builds_them(tmp_path, negatives):
    log, settings = a_log(), config(negatives=negatives)
    counts = convert(write_data_dir(tmp_path / "data", log), tmp_path / "out", SPEC, settings)
    assert (counts.users, counts.rows, counts.dead_letters) == (5, len(log), {})
    for split in ("train", "eval", "test"):
        expected = [
            (
                user,
                wanted["time"],
                [item for item, _, _ in wanted["history"]],
                wanted["candidates"],
                wanted["popularity"],
            )
            for user in USERS
            for wanted in requests_of(
                user,
                [e for e in log if e["user_id"] == user],
                categories=ITEMS,
                lists=LISTS,
                log=log,
                config=settings,
            )
            if wanted["split"] == split
        ]
        found = {(r.user_id, r.request_time): r for r in requests_in(tmp_path / "out", split)}
        assert len(found) == len(expected) == counts.requests[f"{split}/requests"]
        for user, time, history, items, popularity in expected:
            candidates = found[user, time].candidates
            assert found[user, time].history["item_id"].tolist() == history
            assert list(zip(candidates["item_id"], candidates["category"], strict=True)) == items
            assert candidates["popularity"].tolist() == pytest.approx(popularity, rel=1e-5)


def test_each_kind_of_bad_row_is_a_dead_letter_with_its_reason_and_the_good_rows_survive(tmp_path):
    log = a_log()
    bad = {
        "missing_user": event("", "tea", 5),
        "missing_item": event("anna", "", 5),
        "bad_timestamp": event("bert", "tea", "soon"),
        "unknown_event_type": {**event("cleo", "tea", 5), "event_type": "glance"},
        "out_of_range": event("dora", "tea", 10 * WEEK_SECONDS),
        "duplicate": log[3],
    }
    rules = {"end": 10 * WEEK_SECONDS, "event_types": ("purchase",), "max_bad_share": 0.2}
    clean, dirty = tmp_path / "clean", tmp_path / "dirty"
    convert(write_data_dir(tmp_path / "clean_data", log, csv=True), clean, SPEC, config(**rules))
    data = write_data_dir(tmp_path / "dirty_data", [*bad.values(), *log], csv=True)
    counts = convert(data, dirty, SPEC, config(**rules))

    assert counts.dead_letters == dict.fromkeys(bad, 1)
    assert counts.rows == len(log) + len(bad)
    letters = {letter["reason"]: letter["row"] for letter in letters_in(dirty)}
    assert {reason: row["user_id"] for reason, row in letters.items()} == {
        reason: hash_user(row["user_id"]) if row["user_id"] else "" for reason, row in bad.items()
    }
    assert letters["bad_timestamp"] == {**bad["bad_timestamp"], "user_id": hash_user("bert")}
    for split in ("train", "eval", "test"):
        assert serialized(dirty, split) == serialized(clean, split) != []


def test_too_many_bad_rows_stop_the_conversion_and_leave_nothing(tmp_path):
    data = write_data_dir(tmp_path / "data", [*a_log(), event("", "tea", 5), event("anna", "tea", -1)])
    with pytest.raises(DataError, match=r"2 of \d+ \(bad_timestamp=1, missing_user=1\)"):
        convert(data, tmp_path / "out", SPEC, config(max_bad_share=0.01))
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_log_of_double_clicks_is_converted_and_tells_how_many_were_dropped(tmp_path):
    log = a_log()
    convert(write_data_dir(tmp_path / "once", log), tmp_path / "clean", SPEC, config())
    counts = convert(write_data_dir(tmp_path / "twice", [*log, *log]), tmp_path / "out", SPEC, config())
    assert (counts.rows, counts.dead_letters) == (2 * len(log), {"duplicate": len(log)})
    assert len(letters_in(tmp_path / "out")) == len(log)
    for split in ("train", "eval", "test"):
        assert serialized(tmp_path / "out", split) == serialized(tmp_path / "clean", split) != []


@pytest.mark.parametrize("negatives", ["exposed", "sampled"])
def test_the_same_log_makes_the_same_bytes_in_whatever_order_its_rows_come(tmp_path, negatives):
    log = a_log()
    shuffled = random.Random(1).sample(log, len(log))
    for name, rows in (("one", log), ("two", shuffled)):
        convert(write_data_dir(tmp_path / f"{name}_data", rows), tmp_path / name, SPEC, config(negatives=negatives))
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_a_csv_makes_the_same_bytes_as_parquet(tmp_path):
    for name in ("csv", "parquet"):
        data = write_data_dir(tmp_path / f"{name}_data", a_log(), csv=name == "csv")
        convert(data, tmp_path / name, SPEC, config())
    assert bytes_of(tmp_path / "csv") == bytes_of(tmp_path / "parquet")


@pytest.mark.parametrize("negatives", ["exposed", "sampled"])
def test_shards_part_users_and_change_no_request(tmp_path, monkeypatch, negatives):
    data, settings = write_data_dir(tmp_path / "data", a_log()), config(negatives=negatives)
    convert(data, tmp_path / "one", SPEC, settings)
    monkeypatch.setattr(shards, "ROWS_PER_SHARD", 40)
    counts = convert(data, tmp_path / "many", SPEC, settings)
    files = sorted((tmp_path / "many" / "Split-train").iterdir())
    assert [file.name for file in files] == [f"requests-0000{n}-of-00004.tfrecord.gz" for n in range(4)]
    assert counts.users == 5
    for split in ("train", "eval", "test"):
        assert sorted(serialized(tmp_path / "many", split)) == sorted(serialized(tmp_path / "one", split))


def test_a_users_requests_stand_together_in_order_of_time(tmp_path):
    convert(write_data_dir(tmp_path / "data", a_log()), tmp_path / "out", SPEC, config())
    requests = requests_in(tmp_path / "out", "train")
    users = [request.user_id for request in requests]
    changes = [user for user, before in zip(users, [None, *users], strict=False) if user != before]
    assert sorted(changes) == sorted(USERS) != changes  # each once, by hash and not by name
    times = [(changes.index(request.user_id), request.request_time) for request in requests]
    assert times == sorted(times)


def test_a_sample_of_users_is_as_if_the_log_held_no_others(tmp_path):
    log = a_log()
    counts = convert(write_data_dir(tmp_path / "all", log), tmp_path / "sampled", SPEC, config(max_users=2))
    kept = {request.user_id for request in requests_in(tmp_path / "sampled", "train")}
    assert (len(kept), counts.users) == (2, 2)
    few = write_data_dir(tmp_path / "few", [e for e in log if e["user_id"] in kept])
    convert(few, tmp_path / "others", SPEC, config(max_users=2))
    assert bytes_of(tmp_path / "sampled") == bytes_of(tmp_path / "others")


def test_counts_are_kept_with_the_requests(tmp_path):
    counts = convert(write_data_dir(tmp_path / "data", a_log()), tmp_path / "out", SPEC, config())
    assert json.loads((tmp_path / "out" / "counts.json").read_text()) == {
        "rows": counts.rows,
        "users": 5,
        "dead_letters": {},
        "requests": counts.requests,
    }


def test_an_earlier_conversion_is_replaced_and_other_files_are_not(tmp_path):
    data = write_data_dir(tmp_path / "data", a_log())
    for _ in range(2):
        convert(data, tmp_path / "out", SPEC, config())
    with pytest.raises(DataError, match="only an own, earlier output"):
        convert(data, data, SPEC, config())


def test_sampled_negatives_need_no_exposure_lists_and_do_not_read_them(tmp_path):
    data, settings = write_data_dir(tmp_path / "data", a_log()), config(negatives="sampled")
    convert(data, tmp_path / "with", SPEC, settings)
    (data / "exposures.parquet").unlink()
    convert(data, tmp_path / "without", SPEC, settings)
    assert bytes_of(tmp_path / "with") == bytes_of(tmp_path / "without")
    with pytest.raises(DataError, match="unless negatives are sampled, exposures.parquet"):
        convert(data, tmp_path / "out", SPEC, config())


def test_a_directory_without_events_is_named(tmp_path):
    with pytest.raises(DataError, match="events.parquet or events.csv"):
        convert(tmp_path, tmp_path / "out", SPEC, config())
