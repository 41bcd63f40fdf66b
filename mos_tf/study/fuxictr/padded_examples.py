"""Requests as what models of padded histories take: one example a candidate, its history to the left of it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID, LABEL

PADDING = 0  # ids of events and candidates come one later
SPLITS = "/splits"

Arrays = Mapping[str, np.ndarray]  # the columns of requests: flat values, and for lists the row splits


class PaddedExamples(NamedTuple):
    """The M candidates of some requests, each with its own copy of its history; L is the longest of these.

    Attributes:
        ids: by feature, int64 [M, L + 1]: 0 where no event is, then events from old to new, then the candidate.
        mask: float32 [M, L], 1 where there is an event.
        numbers: by feature, float32 [M].
        labels: float32 [M].
    """

    ids: dict[str, np.ndarray]
    mask: np.ndarray
    numbers: dict[str, np.ndarray]
    labels: np.ndarray


def padded_examples(
    columns: Arrays,
    requests: np.ndarray,
    features: Sequence[str],
    numbers: Sequence[str] = (),
    max_events: int | None = None,
) -> PaddedExamples:
    """Returns the examples of some requests.

    Args:
        columns: of all requests, as `Requests.save` writes them.
        requests: int [R], which of them, in the order of the examples.
        features: categorical item features, the item's id among them.
        numbers: numeric features of candidates.
        max_events: the latest events that a history keeps; default all.
    """
    events = _Rows.of(columns[HISTORY + ITEM_ID + SPLITS], requests)
    candidates = _Rows.of(columns[CANDIDATE + ITEM_ID + SPLITS], requests)
    longest = max(int(events.lengths.max(initial=0)), 1)  # where no request has an event, one of padding
    width = longest if max_events is None else min(longest, max_events)
    from_end = np.cumsum(events.lengths)[events.row] - np.arange(len(events.row))
    kept = from_end <= width
    ids = {}
    for name in features:
        padded = np.full((len(requests), width), PADDING, np.int64)
        padded[events.row[kept], width - from_end[kept]] = columns[HISTORY + name][events.place[kept]] + 1
        ids[name] = np.column_stack([padded[candidates.row], columns[CANDIDATE + name][candidates.place] + 1])
    return PaddedExamples(
        ids,
        (ids[ITEM_ID][:, :-1] != PADDING).astype(np.float32),
        {name: columns[CANDIDATE + name][candidates.place] for name in numbers},
        columns[LABEL][candidates.place],
    )


class _Rows(NamedTuple):
    """The values of some rows: lengths [R], and for each value its row among these and its place among all values."""

    lengths: np.ndarray
    row: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, splits: np.ndarray, rows: np.ndarray) -> "_Rows":
        lengths = splits[rows + 1] - splits[rows]
        row = np.repeat(np.arange(len(rows)), lengths)
        before = np.cumsum(lengths) - lengths
        return cls(lengths, row, splits[rows][row] + np.arange(len(row)) - before[row])
