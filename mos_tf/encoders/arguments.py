"""What callers give a sequence layer, checked and taken apart: ragged tensors in, flat values and row splits out."""

from typing import Any, NamedTuple

import tensorflow as tf
from keras import ops

from mos_tf.ragged import Rows
from mos_tf.ragged.backend import agree, count


class Arguments(NamedTuple):
    """A history and its candidates, flat.

    Attributes:
        history: R sequences of [dim] events.
        candidates: [M, dim].
        candidate_rows: int [M], the row each candidate looks at; None: candidate c looks at row c.
        time: int [N], seconds before the request of each event, none negative; or None.
    """

    history: Rows
    candidates: Any
    candidate_rows: Any
    time: Any

    @classmethod
    def of(cls, layer: Any, history: Any, candidates: Any, history_time: Any = None) -> "Arguments":
        """Takes the arguments of a call apart.

        An event from behind the request (clocks disagree) counts as one of the request's own instant.

        Args:
            layer: whose call it is, for the errors.
            history: float RaggedTensor [batch, (events), dim], or `Rows`.
            candidates: float RaggedTensor [batch, (candidates), dim], `Rows`, or dense [batch, dim] for one each.
            history_time: int RaggedTensor [batch, (events)], `Rows`, or None.

        Raises:
            ValueError: a history that is not ragged, or not of [dim] events; batches that are not of one size, or times
                that are not one an event (in a graph: InvalidArgumentError when it runs).
        """
        name = type(layer).__name__
        if not isinstance(history, (tf.RaggedTensor, Rows)):
            raise ValueError(
                f"{name} reads a ragged history [batch, (events), dim]. Received: {_told(history)}; "
                "tf.RaggedTensor.from_row_lengths, or .from_tensor with lengths, makes one"
            )
        rows, wanted = Rows.of(history), Rows.of(candidates)
        for role, values in (("history", rows.values), ("candidates", wanted.values)):
            if len(values.shape) != 2:
                raise ValueError(
                    f"{name} reads vectors: history [batch, (events), dim], candidates [batch, (candidates), dim] or "
                    f"dense [batch, dim]. Received: {role} with values of shape {tuple(values.shape)}"
                )
        rule = f"{name}: history and candidates are of the same requests"
        values = agree(rows.num_rows, wanted.num_rows, rule, "give each request a row in both", then=rows.values)
        rows = Rows(values, rows.splits)
        one_each = not isinstance(candidates, (tf.RaggedTensor, Rows))
        time = None
        if history_time is not None:
            time = Rows.of(history_time).values
            rule = f"{name}: history_time has one number an event"
            time = agree(count(rows.values), count(time), rule, "give it the history's row splits", then=time)
            time = ops.maximum(time, 0)
        return cls(rows, wanted.values, None if one_each else wanted.ids, time)


def positive(layer: Any, **arguments: float | None) -> None:
    """Raises ValueError where an argument of a layer is below 1; None stands for "not given"."""
    for name, value in arguments.items():
        if value is not None and value < 1:
            raise ValueError(f"{type(layer).__name__} needs a {name} of 1 or more. Received: {name}={value!r}")


def _told(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{type(value).__name__} of shape {tuple(shape)}"
