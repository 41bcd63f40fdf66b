"""Packing to static shapes: requests of any length fill batches of a fixed budget of events, for XLA and `jax.jit`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from mos_tf.errors import DataError

Columns = Mapping[str, np.ndarray]


class Packed(NamedTuple):
    """Up to R requests with at most N events together, in arrays whose shapes never change.

    Attributes:
        events: name → [N, ...], the events of all requests, one request after the other, zeros behind them.
        splits: int32 [R + 1]; request r holds events `splits[r]` to `splits[r + 1]`; rows without a request are empty.
        requests: name → [R, ...], what there is once a request, zeros where there is none.
        num_requests: how many of the R rows are requests.
    """

    events: dict[str, np.ndarray]
    splits: np.ndarray
    requests: dict[str, np.ndarray]
    num_requests: int


def pack_requests(requests: Iterable[tuple[Columns, Columns]], num_events: int, num_rows: int) -> Iterator[Packed]:
    """Fills batches with requests in their order; a request that no longer fits begins the next batch.

    So each batch costs the same whatever the longest history is, and one compiled function serves them all.

    Args:
        requests: (events, request): name → [L, ...] and name → [...] arrays, the same names and types throughout.
        num_events: N, events a batch.
        num_rows: R, requests a batch.

    Raises:
        DataError: one request has more than N events.

    Example:

    >>> requests = [({"item": np.arange(n)}, {"price": np.float32(n)}) for n in (3, 2, 4)]
    >>> [(p.events["item"].tolist(), p.splits.tolist(), p.num_requests) for p in pack_requests(requests, 6, 2)]
    [([0, 1, 2, 0, 1, 0], [0, 3, 5], 2), ([0, 1, 2, 3, 0, 0], [0, 4, 4], 1)]
    """
    batch: list[tuple[Columns, Columns]] = []
    filled = 0
    for number, (events, request) in enumerate(requests):
        length = len(next(iter(events.values())))
        if length > num_events:
            raise DataError(
                f"a request must fit into one batch. Received: request {number} with {length} events for "
                f"num_events={num_events}; raise num_events or keep fewer recent events"
            )
        if len(batch) == num_rows or filled + length > num_events:
            yield _pack(batch, num_events, num_rows)
            batch, filled = [], 0
        batch.append((events, request))
        filled += length
    if batch:
        yield _pack(batch, num_events, num_rows)


def _pack(batch: list[tuple[Columns, Columns]], num_events: int, num_rows: int) -> Packed:
    def fill(parts: list[np.ndarray], size: int) -> np.ndarray:
        joined = np.concatenate(parts)
        return np.concatenate([joined, np.zeros((size - len(joined), *joined.shape[1:]), joined.dtype)])

    events, requests = batch[0]
    lengths = [len(next(iter(own.values()))) for own, _ in batch] + [0] * (num_rows - len(batch))
    return Packed(
        events={name: fill([own[name] for own, _ in batch], num_events) for name in events},
        splits=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32),
        requests={name: fill([np.asarray(own[name])[None] for _, own in batch], num_rows) for name in requests},
        num_requests=len(batch),
    )
