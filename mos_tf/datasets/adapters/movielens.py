"""MovieLens: ratings of films; every rated film counts as shown, one rated 4 or better as clicked.

GroupLens, ml-20m, ml-25m and ml-32m: `ratings.csv` (userId, movieId, rating, timestamp in unix seconds) and
`movies.csv` (movieId, title, genres joined by "|").
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa

from mos_tf.datasets.adapters.published import Published, Statistics, TimeQuantiles
from mos_tf.datasets.adapters.source import Adapter, Source, require_files, tags
from mos_tf.datasets.files import read_batches
from mos_tf.features import ITEM_ID, LABEL, TIMESTAMP, USER_ID

CLICKED = 4.0  # stars
NO_GENRES = "(no genres listed)"


def read(directory: Path) -> Source:
    """Reads the ratings as labelled impressions, and the films with `name`, `category` (first genre) and `genres`.

    Raises:
        DataError: a file is missing.
    """
    (ratings,) = require_files(directory, "ratings.csv", "MovieLens")
    (movies,) = require_files(directory, "movies.csv", "MovieLens")
    return Source(rows=_rows(ratings), items=_items(movies), size=ratings.stat().st_size)


def _rows(path: Path) -> Iterator[pa.Table]:
    for batch in read_batches(path, ["userId", "movieId", "rating", "timestamp"]):
        rating = batch["rating"].to_pandas()
        stars = pd.to_numeric(rating, errors="coerce")
        clicked = (stars >= CLICKED).map({True: "1", False: "0"})
        yield pa.table(
            {
                USER_ID: batch["userId"],
                ITEM_ID: batch["movieId"],
                TIMESTAMP: batch["timestamp"],
                # What is no number stays as it is, so that it is a bad label and not a film disliked.
                LABEL: pa.array(clicked.where(stars.notna(), rating.fillna("no rating")), pa.string()),
                "rating": batch["rating"],
            }
        )


def _items(path: Path) -> Iterator[pa.Table]:
    for batch in read_batches(path, ["movieId", "title", "genres"]):
        listed = [None if genres == NO_GENRES else genres for genres in batch["genres"].to_pylist()]
        first, genres = tags(pa.chunked_array([pa.array(listed, pa.string())]), "|")
        yield pa.table({ITEM_ID: batch["movieId"], "name": batch["title"], "category": first, "genres": genres})


def _published(users: int, items: int, samples: int, version: str) -> Published:
    source = f"statistics: the README of {version}; split: by time over all users, the last tenths eval and test"
    return Published(Statistics(users, items, samples), TimeQuantiles(), source)


ADAPTERS = {
    "movielens-20m": Adapter(_published(138_493, 27_278, 20_000_263, "ml-20m"), read),
    "movielens-25m": Adapter(_published(162_541, 62_423, 25_000_095, "ml-25m"), read),
    "movielens-32m": Adapter(_published(200_948, 87_585, 32_000_204, "ml-32m"), read),
}
