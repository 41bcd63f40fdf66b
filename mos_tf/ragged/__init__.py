"""Ragged computation on flat values and row splits: pure functions, no variables, no padding.

The only room that takes `tf.RaggedTensor`s apart. Everywhere else a batch of sequences is a `Rows`.
"""

from mos_tf.ragged.join import MatchedSums, join_sums
from mos_tf.ragged.pairs import Pairs, pair_rows
from mos_tf.ragged.regroup import regroup_rows
from mos_tf.ragged.rows import Rows, last_events, rank_from_end, row_ids, row_lengths
from mos_tf.ragged.softmax import NullSoftmax, null_softmax

__all__ = [
    "MatchedSums",
    "NullSoftmax",
    "Pairs",
    "Rows",
    "join_sums",
    "last_events",
    "null_softmax",
    "pair_rows",
    "rank_from_end",
    "regroup_rows",
    "row_ids",
    "row_lengths",
]
