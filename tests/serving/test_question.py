from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mos_tf.datasets.config import RequestConfig
from mos_tf.datasets.requests import build_requests
from mos_tf.datasets.tables import Tables
from mos_tf.errors import DataError
from mos_tf.features import FeatureSpec
from mos_tf.privacy import hash_user
from serving.event_log import EventLog
from serving.question import Question
from tests.support.planted import WEEK, planted_config, write_planted_data
from tests.support.small_log import ITEMS, LISTS, SPEC, SPLITS, config, event, write_data_dir

ANN = [
    event("ann", "tea", 100, exposure="north"),
    event("ann", "milk", 300, exposure="south"),
    event("ann", "soap", 200, exposure="north"),
    event("ann", "rolls", 400, exposure="nowhere"),
]
BEN = [event("ben", "milk", 50), event("ben", "milk", 60)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data_dir(tmp_path_factory.mktemp("data"), [*ANN, *BEN])


def ask(data: Path, user: str = "ann", **arguments: Any) -> Question:
    return Question.build(data, user, **{"spec": SPEC, "config": config(), **arguments})


def by_item(values: Mapping[str, np.ndarray]) -> dict[str, list]:
    """The features of candidates in order of the item, since no order of candidates means anything."""
    order = np.argsort(values["item_id"])
    return {name: value[order].tolist() for name, value in values.items()}


@pytest.mark.parametrize("max_users", [None, 15])
def test_a_question_at_the_time_of_a_known_request_is_that_request(tmp_path: Path, max_users: int | None):
    data, plan = write_planted_data(tmp_path / "data"), planted_config(tmp_path)
    spec = FeatureSpec.model_validate(plan["spec"])
    settings = RequestConfig.model_validate({**plan["requests"], "max_users": max_users})
    log = EventLog(data, settings)
    known = build_requests(
        "user-007",
        log.events_of("user-007"),
        tables=Tables.load(data),
        popularity=log.popularity(),
        spec=spec,
        config=settings,
    )
    assert {split for split, _ in known.requests} == {"train", "eval", "test"}
    for _, request in known.requests[::5]:
        listed, time = request.candidates["item_id"].tolist(), request.request_time
        asked = Question.build(data, "user-007", spec=spec, config=settings, item_ids=listed, time=time).request
        assert asked.request_time == time and asked.label is None
        assert {n: v.tolist() for n, v in asked.history.items()} == {n: v.tolist() for n, v in request.history.items()}
        assert by_item(asked.candidates) == by_item(request.candidates)


def test_by_default_it_is_asked_a_second_after_the_last_event(data: Path):
    request = ask(data).request
    assert request.request_time == 401
    assert request.history["item_id"].tolist() == ["tea", "soap", "milk", "rolls"]


def test_the_promoted_items_are_the_latest_list_that_exists(data: Path):
    assert sorted(ask(data).request.candidates["item_id"]) == sorted(LISTS["south"])
    assert sorted(ask(data, time=300).request.candidates["item_id"]) == sorted(LISTS["north"])


def test_given_items_are_the_candidates_each_once(data: Path):
    question = ask(data, item_ids=["soap", "bread", "soap"])
    assert sorted(question.request.candidates["item_id"]) == ["bread", "soap"]
    assert sorted(question.names) == ["Fine bread", "Fine soap"]


def test_whatever_training_negatives_were_all_given_items_are_candidates(data: Path):
    question = ask(data, item_ids=list(ITEMS), config=config(negatives="sampled"))
    assert sorted(question.request.candidates["item_id"]) == sorted(ITEMS)


def test_what_was_bought_before_is_known_beyond_the_history(data: Path):
    question = ask(data, item_ids=list(ITEMS), config=config(max_history=1))
    assert question.request.num_events == 1
    bought = dict(zip(question.request.candidates["item_id"], question.bought_before.tolist(), strict=True))
    assert bought == {"tea": True, "milk": True, "soap": True, "rolls": True, "bread": False}


def test_what_is_bought_later_is_neither_history_nor_bought(data: Path):
    question = ask(data, item_ids=["milk", "tea"], time=300)
    bought = dict(zip(question.request.candidates["item_id"], question.bought_before.tolist(), strict=True))
    assert question.request.history["item_id"].tolist() == ["tea", "soap"]
    assert bought == {"milk": False, "tea": True}


def test_popularity_ends_with_training_whenever_it_is_asked(tmp_path: Path):
    after = SPLITS["train_end"]
    before_the_end = [event("ann", "tea", WEEK), event("ann", "tea", 2 * WEEK), event("ben", "milk", WEEK)]
    data = write_data_dir(tmp_path, [*before_the_end, *[event("ben", "soap", after + i) for i in range(9)]])
    request = ask(data, item_ids=["tea", "soap"], time=after + 20 * WEEK).request
    shares = dict(zip(request.candidates["item_id"], request.candidates["popularity"], strict=True))
    # Of the 2 items that training saw in 3 events: (1 + 2) / (2 + 3) and, for one it did not see, (1 + 0) / (2 + 3).
    assert shares == {"tea": pytest.approx(np.log(0.6)), "soap": pytest.approx(np.log(0.2))}


def test_repeated_and_bad_rows_are_no_events(tmp_path: Path):
    rows = [*ANN, ANN[0], event("ann", "", 150), event(None, "tea", 150)]
    assert ask(write_data_dir(tmp_path, rows, csv=True)).request.num_events == len(ANN)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"user": "carl"}, f"a user is known by events. Received: {hash_user('carl')} has none in"),
        ({"time": 100}, f"{hash_user('ann')} has none before 100"),
        ({"item_ids": ["tea", "coal", "ore"]}, r"must be items of .*items.parquet. Received: 2 unknown, first 'coal'"),
        ({"item_ids": []}, "Received: an empty list"),
    ],
)
def test_what_cannot_be_asked_is_an_error_in_one_line(data: Path, arguments: dict, message: str):
    with pytest.raises(DataError, match=message) as raised:
        ask(data, **arguments)
    assert "\n" not in str(raised.value)


def test_a_user_who_never_saw_a_list_needs_given_items(tmp_path: Path):
    data = write_data_dir(tmp_path, [event("ann", "tea", 100, exposure="nowhere")])
    with pytest.raises(DataError, match="those of an exposure list. Received: no event with one"):
        ask(data)
    assert ask(data, item_ids=["tea"]).request.num_candidates == 1


def test_a_directory_without_events_is_named(tmp_path: Path):
    with pytest.raises(DataError, match=f"Received: {tmp_path}; make one with: mos data fetch"):
        ask(tmp_path)
