"""`JointEncoder`: the base of encoders that read the candidate together with the history."""

from typing import Any

from mos_tf.encoders.base import Encoded, SequenceEncoder, Shape


class JointEncoder(SequenceEncoder):
    """An encoder whose vector has met the candidate already, so that it is evidence, too.

    A ranker multiplies a vector by the candidate's, which asks how well a taste fits. Here the vector is the answer
    itself, and where candidates' vectors are short, the product would hide it.

    Args:
        vector_as_evidence: whether the vector is also read as it is. Files from before it was have no word of it, and
            load without.
        **kwargs: of `SequenceEncoder`.
    """

    def __init__(self, vector_as_evidence: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.vector_as_evidence = vector_as_evidence

    def build(self, history_shape: Shape, candidates_shape: Shape) -> None:
        super().build(history_shape, candidates_shape)
        self.evidence_dim = self.output_dim if self.vector_as_evidence else 0

    def encoded(self, vectors: Any) -> Encoded:
        """Returns [M, output_dim] vectors with their evidence."""
        return Encoded(vectors, vectors[:, : self.evidence_dim])

    def get_config(self) -> dict:
        return {**super().get_config(), "vector_as_evidence": self.vector_as_evidence}

    @classmethod
    def from_config(cls, config: dict) -> "JointEncoder":
        return cls(**{"vector_as_evidence": False, **config})
