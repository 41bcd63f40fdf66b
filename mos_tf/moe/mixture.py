"""`MixtureOfExperts`: the base of mixtures of sequence encoders; the gate is the subclass's own."""

from typing import Any, NamedTuple

import keras
from keras import ops

from mos_tf.encoders.base import Encoded, SequenceEncoder, Shape, check_encoder, copy_encoder
from mos_tf.moe.gate import Gate
from mos_tf.ragged import Rows, Selection, keep, row_lengths, row_means, splits_of
from mos_tf.ragged.backend import INDEX, count, spread, take

DISPATCH = ("request", "event")


class MixtureOfExperts(SequenceEncoder):
    """E encoders with weights of their own, of which a gate G lets few see each token.

    dispatch="request": the token is the request, seen as the mean of its history; each chosen expert encodes the
    whole history.

        G_r = gate(mean_t x_t)        π_re = G_re        S_re = (x_t : t in r) where G_re > 0

    dispatch="event": the token is the event; each expert encodes the subsequence of the events that chose it, in
    their order, and speaks with the mass that the request's events gave it.

        G_t = gate(x_t)               π_re = mean_{t in r} G_te        S_re = (x_t : t in r, G_te > 0)

    In both, with a learned null vector n for the mass that no expert took,

        h_c = Σ_e π_re E_e(S_re, v_c) + (1 − Σ_e π_re) n        r = c's request

    The null stands where the papers have a residual connection: a history and a candidate have no vector to pass on.
    It is all that an empty history gives, which goes to no expert and takes no place in one. The gate does not look at
    candidates, so that all candidates of a request share their experts and each expert reads a history once. The
    evidence of the experts is mixed by the same π, without a null.

    Selection is ragged: an expert computes the events and candidates dispatched to it and nothing else. (On JAX, where
    sizes are static, all experts compute on arrays of the batch's size.)

    A subclass writes `make_gate`.

    Args:
        encoder: any `SequenceEncoder`; the experts are made with its configuration.
        num_experts: E.
        dispatch: "request" or "event".

    Raises:
        ValueError: another dispatch, fewer than 2 experts, or an encoder of another precision than the mixture's.
    """

    def __init__(self, encoder: SequenceEncoder, num_experts: int = 8, dispatch: str = "request", **kwargs: Any):
        super().__init__(output_dim=getattr(encoder, "output_dim", None), **kwargs)
        check_encoder(self, encoder)
        if dispatch not in DISPATCH:
            raise ValueError(f"dispatch must be one of {DISPATCH}. Received: dispatch={dispatch!r}")
        if num_experts < 2:
            raise ValueError(f"a mixture needs 2 experts or more. Received: num_experts={num_experts}")
        self.num_experts = num_experts
        self.dispatch = dispatch
        self.experts = [copy_encoder(encoder, f"expert_{number}") for number in range(num_experts)]

    @property
    def evidence_dim(self) -> int:  # type: ignore[override]
        """Width of the evidence, an expert's."""
        return self.experts[0].evidence_dim

    def make_gate(self) -> Gate:
        """Returns the gate over `num_experts`; its load is named like the mixture."""
        raise NotImplementedError(f"{type(self).__name__} must define make_gate()")

    def build(self, history_shape: Shape, candidates_shape: Shape) -> None:
        super().build(history_shape, candidates_shape)
        for expert in self.experts:
            expert.build(history_shape, candidates_shape)
        self.gate = self.make_gate()
        self.gate.build((None, history_shape[-1]))
        self.null_vector = self.add_weight(shape=(self.output_dim,), initializer="zeros", name="null_vector")

    def encode(self, history: Rows, candidates: Any, candidate_rows: Any = None, time: Any = None) -> Encoded:
        shares, masses = self._dispatch(history)
        if candidate_rows is not None:
            masses = take(masses, candidate_rows)
        left = 1.0 - ops.sum(masses, axis=1, keepdims=True)
        vectors = ops.cast(left, self.compute_dtype) * ops.cast(self.null_vector, self.compute_dtype)
        evidence = ops.zeros((count(left), self.evidence_dim), dtype=self.compute_dtype)
        for number, expert in enumerate(self.experts):
            view = _view(history, shares[:, number] > 0, candidates, candidate_rows)
            encoded = expert.encode(view.history, view.candidates, view.candidate_rows, view.of_events(time))
            mass = ops.cast(masses[:, number, None], self.compute_dtype)
            vectors += view.restore(encoded.vectors) * mass
            evidence += view.restore(encoded.evidence) * mass
        return Encoded(vectors, evidence)

    def _dispatch(self, history: Rows) -> tuple[Any, Any]:
        """Asks the gate: float32 [N, E], above 0 where an expert sees an event, and float32 [R, E], π."""
        ids = history.ids
        existing = ops.arange(count(ids), dtype=ids.dtype) < history.splits[-1]
        if self.dispatch == "event":
            shares = self.gate(history.values, existing)
            return shares, row_means(Rows(shares, history.splits))
        masses = self.gate(row_means(history), row_lengths(history.splits) > 0)
        return ops.where(existing[:, None], spread(masses, ids), 0.0), masses

    def get_config(self) -> dict:
        config = super().get_config()
        del config["output_dim"]  # the encoder's
        return {
            **config,
            "encoder": keras.saving.serialize_keras_object(self.experts[0]),
            "num_experts": self.num_experts,
            "dispatch": self.dispatch,
        }

    @classmethod
    def from_config(cls, config: dict) -> "MixtureOfExperts":
        return cls(**{**config, "encoder": keras.saving.deserialize_keras_object(config["encoder"])})


class _View(NamedTuple):
    """What one expert sees: the events dispatched to it, in the rows that have any, and the candidates of those rows.

    Attributes:
        events: the events it sees.
        asked: the candidates it sees.
        history: the events' values.
        candidates: the candidates' values.
        candidate_rows: the row of `history` that each looks at; None: candidate c at row c.
    """

    events: Selection
    asked: Selection
    history: Rows
    candidates: Any
    candidate_rows: Any

    def of_events(self, time: Any) -> Any:
        return None if time is None else take(time, self.events.index)

    def restore(self, values: Any) -> Any:
        """Puts the expert's values back at their candidates, [M, ...]; 0 at the others."""
        return self.asked.restore(values)


def _view(history: Rows, seen: Any, candidates: Any, candidate_rows: Any) -> _View:
    """Selects the events where `seen` [N] and what belongs to them."""
    events = keep(history, seen)
    lengths = row_lengths(events.splits)
    rows = _chosen(lengths > 0)
    compact = rows.rows(lengths).values
    # On JAX there are more of them than chosen: those behind the chosen ones are empty.
    compact = ops.where(ops.arange(count(compact), dtype=compact.dtype) < rows.splits[1], compact, 0)
    seen_rows = Rows(events.rows(history.values).values, splits_of(compact))
    if candidate_rows is None:
        return _View(events, rows, seen_rows, rows.rows(candidates).values, None)
    asked = _chosen(take(lengths > 0, candidate_rows))
    place = take(rows.place, take(candidate_rows, asked.index))
    return _View(events, asked, seen_rows, asked.rows(candidates).values, place)


def _chosen(mask: Any) -> Selection:
    """Selects where the mask is true, of all that there is."""
    size = ops.cast(ops.reshape(count(mask), (1,)), INDEX)
    return keep(Rows(mask, splits_of(size)), mask)
