"""Top-k of scores in tiles, row by row: dense operations only, and none is as wide as the longest row."""

from typing import Any

from keras import ops

from mos_tf.ragged.backend import bound, count, take
from mos_tf.ragged.rows import Rows, row_lengths
from mos_tf.ragged.tiles import tile_rows

ABSENT = -1e30  # the score of what does not exist
_FAN = 16  # how many times k scores meet in one round: top-k pays by the row more than by its width


def best_scores(scores: Any, splits: Any, k: int, size: Any) -> tuple[Any, Any]:
    """Finds the k highest scores of each row in each of C lanes, of equal ones the earlier.

    Dense top-k wants rows of one width, so the scores meet in rounds, each of which keeps k of about `_FAN` · k. Only
    the last is as wide as the longest row, whose length is by then `_FAN`² times less.

    Args:
        scores: float32 [P, C, T], the tiles of each row, row after row.
        splits: int [R + 1], the tiles of each row.
        k: how many.
        size: N, the events that no row has more of.

    Returns:
        (best, address): [R, C, k], scores, highest first, `ABSENT` behind the end of a short row, and where they
        stand in the flat scores.
    """
    address = None
    span = scores.shape[-1]
    for width in (-(-_FAN * k // span), _FAN):
        tiles = tile_rows(Rows(scores, splits), width)
        meeting = ops.where(tiles.valid, tiles.index, count(scores))
        scores, address = _round(scores, address, meeting, k)
        splits, span = tiles.splits, span * width
    longest = bound(ops.max(row_lengths(splits), initial=1), -(-size // span))
    meeting = splits[:-1, None] + ops.arange(longest, dtype=splits.dtype)
    return _round(scores, address, ops.where(meeting < splits[1:, None], meeting, count(scores)), k)


def _round(scores: Any, address: Any, meeting: Any, k: int) -> tuple[Any, Any]:
    """Keeps the k best of the groups that meet.

    Args:
        scores: float32 [G, C, n].
        address: int [G, C, n], where the scores came from; None: from where they are.
        meeting: int [Q, width], groups; G stands for none.
        k: how many.

    Returns:
        (scores, address), each [Q, C, k].
    """
    _, lanes, n = scores.shape
    behind = [[0, 1], [0, 0], [0, 0]]
    width = ops.shape(meeting)[1]
    met = take(ops.pad(scores, behind, constant_values=ABSENT), meeting)
    met = ops.reshape(ops.transpose(met, (0, 2, 1, 3)), (-1, lanes, width * n))
    best, position = ops.top_k(met, k)
    index = meeting.dtype
    position = ops.cast(position, index)
    row = ops.arange(count(meeting), dtype=index)[:, None, None] * ops.cast(width, index)
    group = take(ops.reshape(meeting, (-1,)), row + position // n)
    found = (group * lanes + ops.arange(lanes, dtype=index)[:, None]) * n + position % n
    return best, found if address is None else take(ops.reshape(ops.pad(address, behind), (-1,)), found)
