"""`SequenceEncoder`: the base of every encoder. A new one writes one small method, `encode`."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from mos_tf.ragged import Rows

Shape = tuple[Any, ...]


class Encoded(NamedTuple):
    """What an encoder says of M candidates.

    Attributes:
        vectors: [M, output_dim].
        evidence: [M, evidence_dim], how strongly the history spoke (what a softmax normalises away); width 0 where
            an encoder has none.
    """

    vectors: Any
    evidence: Any


def like(candidates: Any, vectors: Any) -> Any:
    """Returns flat vectors [M, ...] in the form that the candidates came in."""
    if isinstance(candidates, tf.RaggedTensor):
        return candidates.with_values(vectors)
    return Rows(vectors, candidates.splits) if isinstance(candidates, Rows) else vectors


class SequenceEncoder(keras.layers.Layer):
    """Encodes each candidate's view of a history: `layer(history, candidates, *, history_time=None)`.

    A subclass creates its weights in `build` and writes `encode`, which sees flat values and row splits only. Rows of
    the history need not be requests: a theme expert passes one row a (request, theme). So `encode` must give a finite
    vector for an empty row.

    Args:
        output_dim: width of the result; default the history's.

    Call arguments:
        history: float RaggedTensor [batch, (events), dim], oldest first.
        candidates: float RaggedTensor [batch, (candidates), dim], or dense [batch, dim] for one each.
        history_time: int64 RaggedTensor [batch, (events)], seconds before the request; for encoders that look at time.

    Returns:
        [batch, (candidates), output_dim] in the candidates' form.
    """

    evidence_dim = 0

    def __init__(self, output_dim: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.output_dim: Any = output_dim

    def build(self, history_shape: Shape, candidates_shape: Shape) -> None:
        if self.output_dim is None:
            self.output_dim = history_shape[-1]
        self.built = True

    def encode(self, history: Rows, candidates: Any, candidate_rows: Any = None, time: Any = None) -> Encoded:
        """Encodes M candidates, each against one row of the history.

        Args:
            history: R sequences of [dim] events, oldest first.
            candidates: [M, dim].
            candidate_rows: int [M], the row each candidate looks at, in any order; None: candidate c looks at row c,
                which spares the look-ups.
            time: int [N], seconds before the request of each event, or None.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define encode(history, candidates, candidate_rows, time)"
        )

    def call(self, history: Any, candidates: Any, *, history_time: Any = None) -> Any:
        rows = Rows.of(candidates)
        one_each = not isinstance(candidates, (tf.RaggedTensor, Rows))
        time = None if history_time is None else Rows.of(history_time).values
        vectors = self.encode(Rows.of(history), rows.values, None if one_each else rows.ids, time).vectors
        return like(candidates, vectors)

    def compute_output_spec(
        self,
        history: keras.KerasTensor,
        candidates: keras.KerasTensor,
        *,
        history_time: keras.KerasTensor | None = None,
    ) -> keras.KerasTensor:
        dim = self.output_dim or history.shape[-1]
        return keras.KerasTensor((*candidates.shape[:-1], dim), dtype=self.compute_dtype, ragged=candidates.ragged)

    def get_config(self) -> dict:
        return {**super().get_config(), "output_dim": self.output_dim}
