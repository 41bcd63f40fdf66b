import gzip
import json

import pyarrow.parquet as pq
import pytest

from mos_tf.datasets.adapters import adapt as adapting
from mos_tf.datasets.adapters.adapt import adapt
from mos_tf.datasets.adapters.published import Statistics
from mos_tf.datasets.convert import convert
from mos_tf.datasets.describe import describe
from mos_tf.errors import DataError
from tests.support.small_log import SPEC, config

RATINGS = """userId,movieId,rating,timestamp
1,10,3.5,1000
1,20,4.0,1001
1,30,5.0,1001
2,10,0.5,2000
2,20,4.5,2001
"""
MOVIES = """movieId,title,genres
10,Heat (1995),Action|Crime
20,"American President, The (1995)",Comedy
30,Nothing (2000),(no genres listed)
"""


@pytest.fixture
def films(tmp_path):
    (tmp_path / "ml").mkdir()
    (tmp_path / "ml" / "ratings.csv").write_text(RATINGS)
    (tmp_path / "ml" / "movies.csv").write_text(MOVIES)
    return tmp_path / "ml"


def test_films_rated_four_or_better_are_clicked_among_those_rated_since_the_last(films, tmp_path):
    adapted = adapt("movielens-20m", films, tmp_path / "out")
    events = pq.read_table(tmp_path / "out" / "events.parquet").to_pylist()
    assert [(e["user_id"], e["item_id"], e["timestamp"], e["exposure_id"]) for e in events] == [
        ("1", "20", 1001, "1-0"),
        ("1", "30", 1001, "1-0"),
        ("2", "20", 2001, "2-0"),
    ]
    lists = pq.read_table(tmp_path / "out" / "exposures.parquet").to_pylist()
    assert {row["exposure_id"]: sorted(row["item_ids"]) for row in lists} == {
        "1-0": ["10", "20", "30"],
        "2-0": ["10", "20"],
    }
    assert adapted.found == Statistics(users=2, items=3, samples=5, positive_share=0.6)
    assert adapted.published.statistics.users == 138_493


def test_what_is_written_is_described_and_converted(films, tmp_path):
    adapted = adapt("movielens-20m", films, tmp_path / "out")
    assert describe(tmp_path / "out").events == 3
    counts = convert(tmp_path / "out", tmp_path / "requests", SPEC, config(splits=adapted.splits)).requests
    # All of it lies in the first hour, which is for training: one request of user 1 and one of user 2.
    assert (counts["train/requests"], counts["train/positives"], counts["train/negatives"]) == (2, 3, 2)


def test_films_have_names_and_genres(films, tmp_path):
    adapt("movielens-20m", films, tmp_path / "out")
    items = pq.read_table(tmp_path / "out" / "items.parquet").to_pylist()
    assert items[0] == {"item_id": "10", "name": "Heat (1995)", "category": "Action", "genres": ["Action", "Crime"]}
    assert items[1]["name"] == "American President, The (1995)"
    assert (items[2]["category"], items[2]["genres"]) == ("", [])


def test_bad_rows_become_dead_letters(films, tmp_path):
    good = "".join(f"3,10,3.0,{second}\n" for second in range(400))
    bad = "3,10,five,400\n3,10,,401\n,10,3.0,402\n3,10,3.0,soon\n"
    (films / "ratings.csv").write_text(RATINGS + good + bad)
    adapted = adapt("movielens-20m", films, tmp_path / "out")
    assert adapted.bad_rows == {"bad_label": 2, "missing_user": 1, "bad_timestamp": 1}
    assert adapted.found.samples == 405
    letters = gzip.decompress((tmp_path / "out" / "dead_letters.jsonl.gz").read_bytes()).decode().splitlines()
    assert {json.loads(letter)["row"]["rating"] for letter in letters} == {"five", None, "3.0"}
    (films / "ratings.csv").write_text(RATINGS + bad)
    with pytest.raises(DataError, match=r"4 of 9 \(bad_label=2"):
        adapt("movielens-20m", films, tmp_path / "out")


def test_shards_of_users_and_pieces_of_rows_make_the_same_log(films, tmp_path, monkeypatch):
    adapt("movielens-20m", films, tmp_path / "one")
    monkeypatch.setattr("mos_tf.datasets.adapters.write.BYTES_PER_SHARD", 20)
    monkeypatch.setattr("mos_tf.datasets.adapters.write.ROWS_AT_ONCE", 1)
    adapt("movielens-20m", films, tmp_path / "many")
    for name in ("events", "exposures"):
        rows = [pq.read_table(tmp_path / out / f"{name}.parquet").to_pylist() for out in ("one", "many")]
        assert sorted(rows[0], key=str) == sorted(rows[1], key=str)


@pytest.mark.parametrize("missing", ["ratings.csv", "movies.csv"])
def test_a_missing_file_is_named_with_what_is_there(films, tmp_path, missing):
    (films / missing).unlink()
    with pytest.raises(DataError, match=rf"MovieLens has {missing}. Received: .*csv"):
        adapt("movielens-20m", films, tmp_path / "out")


def test_a_missing_column_is_named_and_nothing_is_written(films, tmp_path):
    (films / "ratings.csv").write_text(RATINGS.replace("movieId", "film"))
    with pytest.raises(DataError, match=r"Missing: \['movieId'\]"):
        adapt("movielens-20m", films, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_name_that_is_not_known_lists_those_that_are(tmp_path):
    with pytest.raises(DataError, match="kuairand-1k.*Received: 'netflix'"):
        adapting.adapt("netflix", tmp_path, tmp_path / "out")
