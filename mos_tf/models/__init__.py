"""Models: features → embeddings → sequence layer → head."""

from mos_tf.models.first_stage import FirstStage
from mos_tf.models.item_table import ItemTable
from mos_tf.models.objective import Objective
from mos_tf.models.ranker import SequenceRanker

__all__ = ["FirstStage", "ItemTable", "Objective", "SequenceRanker"]
