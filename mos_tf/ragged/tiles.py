"""Tiles: rows cut into pieces of T events, the form in which ragged sequences are computed.

Dense operations run on [tiles, T, ...], segment operations on whole tiles, so they are T times fewer than events. A
row wastes less than one tile, whatever the longest row is.
"""

from typing import Any, NamedTuple

from keras import ops

from mos_tf.ragged.backend import bound, count, flat_nonzero, take, take_once
from mos_tf.ragged.rows import Rows, row_ids, row_lengths, splits_of

TILE = 32


class Tiles(NamedTuple):
    """B tiles of T slots over R rows of N values.

    Attributes:
        index: int [B, T], the value in each slot; slots behind the end of a row hold some value, to be masked.
        valid: bool [B, T], false behind the end of a row.
        row: int [B], the row of each tile, ascending.
        splits: int [R + 1], the tiles of each row.
        slot: int [N], the slot (tile · T + column) of each value.
        rank: int [B, T], distance to the end of the row, 0 for its last value; 0 where not valid.
    """

    index: Any
    valid: Any
    row: Any
    splits: Any
    slot: Any
    rank: Any

    def cut(self, values: Any) -> Any:
        """Lays values [N, ...] out in tiles, [B, T, ...]."""
        return take_once(values, self.index, self.slot, everything=True)

    def join(self, tiled: Any) -> Any:
        """Takes values out of tiles again: [B, T, ...] → [N, ...]."""
        flat = ops.reshape(tiled, (-1, *tiled.shape[2:]))
        inverse = ops.reshape(ops.where(self.valid, self.index, -1), (-1,))
        return take_once(flat, self.slot, inverse)

    def mask(self, tiled: Any) -> Any:
        """Returns tiled values [B, T, ...] with zeros where there is no event."""
        valid = ops.reshape(self.valid, (*ops.shape(self.valid), *([1] * (len(tiled.shape) - 2))))
        return ops.where(valid, tiled, ops.zeros_like(tiled))


def tile_rows(rows: Rows, width: int = TILE) -> Tiles:
    """Cuts rows into tiles of `width` events; an empty row has none.

    Example:

    >>> import tensorflow as tf
    >>> tiles = tile_rows(Rows(tf.range(5), tf.constant([0, 3, 3, 5], tf.int64)), width=2)
    >>> tiles.row.numpy().tolist(), tiles.valid.numpy().tolist()
    ([0, 0, 2], [[True, True], [True, False], [True, True]])
    """
    splits, size = rows.splits, count(rows.values)
    lengths = row_lengths(splits)
    tile_splits = splits_of((lengths + (width - 1)) // width)
    row = row_ids(tile_splits, bound(None, size // width + count(lengths)))
    number = ops.arange(count(row), dtype=splits.dtype) - take(tile_splits, row)
    first = take(splits, row) + number * width
    index = first[:, None] + ops.arange(width, dtype=splits.dtype)
    last = take(splits[1:], row)[:, None] - 1
    rank = last - index
    valid = rank >= 0
    return Tiles(
        index=ops.minimum(index, ops.maximum(last, 0)),
        valid=valid,
        row=row,
        splits=tile_splits,
        slot=flat_nonzero(ops.reshape(valid, (-1,)))[:size],
        rank=ops.maximum(rank, 0),
    )
