"""`cost`: what a forward pass of a model costs on requests of given sizes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

# Imported for what they register.
from mos_tf.flops import mixture_of_experts, mixture_of_sequence, ranker  # noqa: F401
from mos_tf.flops.parts import parts
from mos_tf.flops.report import Cost
from mos_tf.flops.sequences import Sequences
from mos_tf.layers import MixtureOfSequence


def cost(
    model: Any,
    lengths: Sequence[int],
    candidates: int | Sequence[int] | None = 1,
    *,
    theme_lengths: Sequence[float | Sequence[float]] | None = None,
    theme_candidates: Sequence[float | Sequence[float]] | None = None,
) -> Cost:
    """Counts the multiply-adds of a forward pass, and the parameters, of each part of a model.

    What is counted are the multiply-adds of matrix products that this implementation computes, which twice over are
    the FLOPs that profilers report; look-ups, sorts and elementwise work are left out, in all models alike. Events and
    candidates count that exist; computing in tiles adds to that up to a tile a row. The requests are one batch: what
    is computed once a batch is spread over them.

    What depends on the data is assumed: themes are equally long, L / K events of a history of L, and n candidates ask
    for min(n, K) of them, which is the most that they can; mixtures of experts spread their tokens evenly, `GShard`
    with both choices, `DSelectK` with a decided gate and selectors that differ, `ExpertChoice` to its capacity; the
    vectors of an item table are projected as if no item came twice.

    Args:
        model: a `SequenceRanker`, a mixture or an encoder, built. A further encoder says its own count with
            `mos_tf.flops.register`, a mixture's parts included.
        lengths: [R], events of each request's history.
        candidates: candidates of each request, one number for all or [R]; None: one each, given dense, for which some
            encoders have a shorter way (a ranker has not).
        theme_lengths: for each request the lengths of the themes that its candidates ask for, as `MixtureOfSequence`
            routes them; a number where they ask for one.
        theme_candidates: how many candidates ask for each of these; default evenly many.

    Raises:
        ValueError: a model that is not built, negative or missing sizes, themes that hold more events than the
            history does, that nobody routes by, or that other candidates ask for than there are.
        TypeError: a layer whose count is not registered.

    Example:

    >>> from mos_tf.encoders import DIN
    >>> encoder = DIN(hidden_units=4, num_heads=2)
    >>> encoder.build((None, None, 8), (None, None, 8))
    >>> spent = cost(encoder, lengths=[100, 300], candidates=[2, 1])
    >>> spent.total_multiply_adds, spent.total_parameters  # 1.5 candidates · 8 · (4 + 8), 250 pairs · 56
    (14144.0, 192)
    """
    if not model.built:
        raise ValueError(
            f"cost reads the sizes of a built model. Received: {type(model).__name__} {model.name!r}, not built; "
            "call it once, or build it"
        )
    sequences = _sequences(lengths, candidates)
    themes = None
    if theme_lengths is not None:
        _has_themes(model)
        themes = _themes(sequences, theme_lengths, theme_candidates)
    counted = parts(model, sequences, themes)
    return Cost(
        {name: part.multiply_adds / len(lengths) for name, part in counted.items()},
        {name: sum(int(np.prod(weight.shape)) for weight in part.weights) for name, part in counted.items()},
    )


def _sequences(lengths: Sequence[int], candidates: int | Sequence[int] | None) -> Sequences:
    events = np.asarray(lengths, np.float64)
    asked = np.asarray(1 if candidates is None else candidates, np.float64)
    if (
        events.ndim != 1
        or not len(events)
        or asked.shape not in ((), events.shape)
        or min(events.min(), asked.min()) < 0
    ):
        raise ValueError(
            "each request has a number of events and of candidates, 0 or more. "
            f"Received: lengths of shape {events.shape}, candidates of shape {asked.shape}, "
            f"least {events.min(initial=np.inf):g} and {asked.min(initial=np.inf):g}; give [R] and [R], R > 0"
        )
    return Sequences(events, np.broadcast_to(asked, events.shape), np.ones_like(events), one_each=candidates is None)


def _has_themes(model: Any) -> None:
    sequence = getattr(model, "sequence", model)
    if not isinstance(sequence, MixtureOfSequence):
        raise ValueError(
            "theme_lengths say what a MixtureOfSequence routes. "
            f"Received: theme_lengths for a {type(sequence).__name__}; leave them out"
        )


def _themes(
    sequences: Sequences,
    theme_lengths: Sequence[float | Sequence[float]],
    theme_candidates: Sequence[float | Sequence[float]] | None,
) -> Sequences:
    by_request = _by_request(theme_lengths)
    if len(by_request) != len(sequences.lengths) or any(
        sizes.sum() > events or sizes.min(initial=0.0) < 0
        for sizes, events in zip(by_request, sequences.lengths, strict=False)
    ):
        raise ValueError(
            "a request's themes hold no more than its events. "
            f"Received: theme_lengths={theme_lengths} for histories of {sequences.lengths.tolist()}"
        )
    counts = np.array([len(sizes) for sizes in by_request])
    if theme_candidates is None:
        asked = np.repeat(sequences.candidates / np.maximum(counts, 1), counts)
    else:
        asking = _by_request(theme_candidates)
        if [len(of) for of in asking] != counts.tolist() or any(
            of.sum() != candidates or of.min(initial=0.0) < 0
            for of, candidates in zip(asking, sequences.candidates, strict=True)
        ):
            raise ValueError(
                "every candidate of a request asks for one of its themes. Received: "
                f"theme_candidates={theme_candidates} of {sequences.candidates.tolist()} candidates for "
                f"theme_lengths={theme_lengths}"
            )
        asked = np.concatenate(asking)
    return sequences._replace(lengths=np.concatenate(by_request), candidates=asked, rows=np.sign(asked))


def _by_request(sizes: Sequence[float | Sequence[float]]) -> list[np.ndarray]:
    return [np.atleast_1d(np.asarray(of, np.float64)) for of in sizes]
