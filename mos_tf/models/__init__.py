"""Models: features → embeddings → sequence layer → head."""

from mos_tf.models.ranker import SequenceRanker

__all__ = ["SequenceRanker"]
