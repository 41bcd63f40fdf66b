"""Ragged computation on flat values and row splits: pure functions, no variables, no padding to the longest row.

The only room that takes `tf.RaggedTensor`s apart. Everywhere else a batch of sequences is a `Rows`. What Keras lacks
of the backends lies behind one seam, `backend`; all else is `keras.ops`.
"""

from mos_tf.ragged.join import Join, MatchedSums, join
from mos_tf.ragged.pairs import Pairs, pair_rows
from mos_tf.ragged.rows import Rows, rank_from_end, row_ids, row_lengths, row_means, splits_of
from mos_tf.ragged.selection import Selection, keep, last_events, matching_rows, regroup_rows, rows_where
from mos_tf.ragged.softmax import NullSoftmax, null_softmax
from mos_tf.ragged.tiles import TILE, Tiles, tile_rows
from mos_tf.ragged.top_k import top_k_events

__all__ = [
    "TILE",
    "Join",
    "MatchedSums",
    "NullSoftmax",
    "Pairs",
    "Rows",
    "Selection",
    "Tiles",
    "join",
    "keep",
    "last_events",
    "matching_rows",
    "null_softmax",
    "pair_rows",
    "rank_from_end",
    "regroup_rows",
    "row_ids",
    "row_lengths",
    "row_means",
    "rows_where",
    "splits_of",
    "tile_rows",
    "top_k_events",
]
