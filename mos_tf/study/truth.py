"""The true click probabilities of a made log, which no model sees: what the best of all rankers would reach."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mos_tf.datasets.events import EXPOSURE_ID
from mos_tf.datasets.files import read_table
from mos_tf.datasets.tensors import hash_user_ids, load_requests
from mos_tf.errors import DataError
from mos_tf.features import CANDIDATE, ITEM_ID, REQUEST_TIME, TIMESTAMP, USER_ID, FeatureSpec
from mos_tf.study.requests import Requests
from mos_tf.vocabulary import Vocabulary

_PROBABILITY = "true_probability"


def true_probabilities(log: Path, files: Sequence[Path], limit: int | None, seed: int) -> np.ndarray:
    """Returns how probable each candidate was to be the clicked one of its request, given all that is hidden, [M].

    A request tells its list by user and second, of which a made log has one event. Where a request shows less than the
    list, what it shows shares the probability: which of the others were left out did not depend on the click.

    Args:
        log: data directory of the generator.
        files: the requests of a split, as strings.
        limit: how many of them were drawn; None: all.
        seed: of the draw.

    Raises:
        DataError: a candidate is in no list of its user at that time.
    """
    items = Vocabulary(read_table(log / "items.parquet", [ITEM_ID])[ITEM_ID].to_pylist())
    requests = Requests.collect(load_requests(files, FeatureSpec(), {ITEM_ID: items}, 1024)).drawn(limit, seed)
    candidates = requests.columns[CANDIDATE + ITEM_ID]
    request = candidates.value_rowids().numpy()
    asked = pd.DataFrame(
        {
            USER_ID: requests.users,
            TIMESTAMP: requests.columns[REQUEST_TIME].numpy()[request],
            ITEM_ID: np.array([*items.tokens, ""], object)[candidates.flat_values.numpy()],
        }
    )
    events = read_table(log / "events.parquet", [USER_ID, TIMESTAMP, EXPOSURE_ID]).to_pandas()
    events = events[events[TIMESTAMP].isin(asked[TIMESTAMP].unique())]
    events[USER_ID] = hash_user_ids(events[USER_ID].astype(str)).numpy()
    truth = read_table(log / "truth.parquet", [EXPOSURE_ID, ITEM_ID, _PROBABILITY]).to_pandas()
    truth = truth[truth[EXPOSURE_ID].isin(events[EXPOSURE_ID])]
    listed = asked.merge(events, how="left", on=[USER_ID, TIMESTAMP], validate="many_to_one")
    found = listed.merge(truth, how="left", on=[EXPOSURE_ID, ITEM_ID], validate="many_to_one")[_PROBABILITY].to_numpy()
    if np.isnan(found).any():
        raise DataError(
            "every candidate of a made log is of a list, with a true probability. "
            f"Received: {np.isnan(found).sum()} of {len(found)} without one in {log}; make the log again"
        )
    return found / np.bincount(request, weights=found)[request]
