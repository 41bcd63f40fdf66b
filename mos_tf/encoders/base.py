"""`SequenceEncoder`: the base of every encoder. A new one writes one small method, `encode`."""

import inspect
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from mos_tf.encoders.arguments import Arguments
from mos_tf.ragged import Rows

Shape = tuple[Any, ...]


class Encoded(NamedTuple):
    """What an encoder says of M candidates.

    Attributes:
        vectors: [M, output_dim].
        evidence: [M, evidence_dim], what a ranker is told besides the product of vector and candidate: how strongly the
            history spoke (what a softmax normalises away), or the vector itself, where the encoder has compared history
            and candidate already; width 0 where an encoder has none.
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
            Below 0, where clocks disagree, counts as 0.

    Returns:
        [batch, (candidates), output_dim] in the candidates' form.

    Raises:
        ValueError: a history that is not ragged, batches of different sizes, or times that are not one an event (in a
            graph: InvalidArgumentError when it runs).

    Example:

    >>> import tensorflow as tf
    >>> from keras import ops
    >>> class Newest(SequenceEncoder):
    ...     def encode(self, history, candidates, candidate_rows=None, time=None):
    ...         padded = ops.pad(history.values, [[1, 0], [0, 0]])  # an empty first row reads the padding
    ...         newest = ops.take(padded, history.splits[1:], axis=0)
    ...         vectors = newest if candidate_rows is None else ops.take(newest, candidate_rows, axis=0)
    ...         return Encoded(vectors, vectors[:, :0])
    >>> history = tf.ragged.constant([[[1.0], [2.0]], [[3.0]]], ragged_rank=1)
    >>> Newest()(history, tf.zeros([2, 1])).numpy().tolist()
    [[2.0], [3.0]]
    """

    evidence_dim: int = 0  # known once built

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
        return like(candidates, self.encode(*Arguments.of(self, history, candidates, history_time)).vectors)

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


def copy_encoder(encoder: SequenceEncoder, name: str) -> Any:
    """Returns a new encoder of the same configuration, with weights of its own.

    Raises:
        ValueError: an encoder whose configuration leaves out what its constructor takes: the copy would be another one,
            and so would the one that comes back from a file.
    """
    config = encoder.get_config()
    parameters = inspect.signature(type(encoder)).parameters.values()
    named = {parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD}
    if missing := sorted(named - set(config)):
        raise ValueError(
            f"an encoder's get_config tells all that its constructor takes. Received: {type(encoder).__name__}, which "
            f"leaves out {missing}; return {{**super().get_config(), {missing[0]!r}: self.{missing[0]}, …}}"
        )
    return type(encoder).from_config({**config, "name": name})


def check_encoder(outer: keras.layers.Layer, encoder: Any) -> None:
    """Raises ValueError where what a layer wraps is no encoder, or one that computes in another precision."""
    name = type(outer).__name__
    if not isinstance(encoder, SequenceEncoder):
        raise ValueError(f"{name} wraps a SequenceEncoder. Received: {encoder!r}; give an object such as DIN()")
    if encoder.compute_dtype != outer.compute_dtype:
        raise ValueError(
            f"{name} computes in the precision of what it wraps. Received: {outer.dtype_policy.name}, "
            f"around {type(encoder).__name__} in {encoder.dtype_policy.name}; give both the same dtype, or set "
            "keras.config.set_dtype_policy before either is made"
        )
