"""`HistoryAffinity`: how much, and how recently, a history matches a candidate."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from mos_tf.encoders.base import like
from mos_tf.ragged import Rows, row_lengths
from mos_tf.ragged.backend import at_most, take
from mos_tf.ragged.join import Join, join

SECONDS_PER_DAY = 86_400.0
NEVER = 999.0  # days since "the last match" where there is none


@keras.saving.register_keras_serializable("mos_tf")
class HistoryAffinity(keras.layers.Layer):
    """Counts the events that match a candidate at several levels (item, category, theme), and ages them.

    For each level l, with the events t that match the candidate c there, their ages Δ_t in days and L events
    in all (this project's formulation of affinity features):

        φ_l = [ log(1 + n_l), n_l / max(L, 1), log(.01 + Σ e^(−Δ_t/τ1)), log(.01 + Σ e^(−Δ_t/τ2)), log(.01 + min Δ_t) ]

    where nothing matches, the last age is 999 days. The first level, "all", matches every event. Matching joins on
    (request, id) keys: its cost grows with events plus candidates, never with their product. It has no weights and
    computes in float32 under every dtype policy.

    Args:
        levels: names of the levels after "all", in the order of the output.
        time_scales: (τ1, τ2) in days.
        unknown_ids: by level, the id that stands for everything unknown. Two unknown things are not the same thing, so
            it matches nothing.

    Call arguments:
        history_ids: dict of int RaggedTensors [batch, (events)], one a level: codes or hashes of any size. A negative
            id is padding, which matches nothing.
        candidate_ids: dict of int RaggedTensors [batch, (candidates)], or dense [batch]; the same levels.
        history_time: int64 RaggedTensor [batch, (events)], seconds before the request. An event after it (clocks
            differ) is of now: an age below 0 counts as 0.

    Returns:
        float32 [batch, (candidates), 5 · (1 + levels)], in the candidates' form.

    Raises:
        ValueError: no levels, or one twice; ids for other levels than the layer was made with, that are no integers, or
            of another number of rows than the ages.
        tensorflow.errors.InvalidArgumentError: on TensorFlow, when it runs: ids in other rows than the ages, or
            candidates of two levels in different rows (on JAX a ValueError).

    Example:

    >>> import tensorflow as tf
    >>> ids = tf.ragged.constant([[7, 7, 8]], dtype=tf.int64)
    >>> ages = tf.ragged.constant([[172800, 86400, 3600]], dtype=tf.int64)
    >>> affinity = HistoryAffinity(["item"])({"item": ids}, {"item": tf.constant([7])}, history_time=ages)
    >>> [round(float(x), 3) for x in affinity[0, 5:7]]  # log(1 + 2) and 2 / 3
    [1.099, 0.667]
    """

    numbers_per_level = 5

    def __init__(
        self,
        levels: Sequence[str],
        time_scales: tuple[float, float] = (21.0, 90.0),
        unknown_ids: Mapping[str, int] | None = None,
        **kwargs: Any,
    ):
        super().__init__(dtype=kwargs.pop("dtype", "float32"), autocast=False, **kwargs)
        if isinstance(levels, str) or not levels or len(set(levels)) < len(levels):
            raise ValueError(
                "levels are one or several distinct names. "
                f"Received: levels={levels!r}; list those to match at, as ['item', 'category']"
            )
        self.levels = tuple(levels)
        self.time_scales = tuple(time_scales)
        self.unknown_ids = dict(unknown_ids or {})
        self.output_dim = self.numbers_per_level * (1 + len(self.levels))
        self.built = True

    def call(
        self,
        history_ids: Mapping[str, Any],
        candidate_ids: Mapping[str, Any],
        *,
        history_time: Any,
    ) -> Any:
        if set(history_ids) != set(self.levels) or set(candidate_ids) != set(self.levels):
            raise ValueError(
                f"HistoryAffinity needs ids of exactly the levels {list(self.levels)}. "
                f"Received: history {sorted(history_ids)}, candidates {sorted(candidate_ids)}"
            )
        first = self.levels[0]
        ages, wanted = Rows.of(history_time), Rows.of(candidate_ids[first])
        affinity = self.match(
            ages,
            {name: _in_rows_of(ages, "history_time", name, history_ids[name]) for name in self.levels},
            {
                name: _in_rows_of(wanted, f"the candidates of {first!r}", name, candidate_ids[name])
                for name in self.levels
            },
            wanted.ids,
        )
        return like(candidate_ids[first], affinity)

    def match(
        self, ages: Rows, event_ids: Mapping[str, Any], candidate_ids: Mapping[str, Any], candidate_rows: Any
    ) -> Any:
        """Returns the affinity of flat candidates, float32 [M, 5 · (1 + levels)].

        Args:
            ages: R histories of N events, seconds before the request.
            event_ids: level → int [N].
            candidate_ids: level → int [M].
            candidate_rows: int [M], the row each candidate looks at.
        """
        for side, ids in (("history_ids", event_ids), ("candidate_ids", candidate_ids)):
            for name in self.levels:
                _check_integers(f"{side}[{name!r}]", ids[name])
        days = ops.maximum(ops.cast(ages.values, "float32"), 0.0) / SECONDS_PER_DAY
        decayed = [ops.exp(-days / scale) for scale in self.time_scales]
        values = ops.stack([ops.ones_like(days), *decayed], axis=1)
        lengths = take(ops.cast(row_lengths(ages.splits), "float32"), candidate_rows)

        def features(joined: Join) -> Any:
            matched = joined.matched(values, days)
            sums, count = matched.sums, matched.sums[:, 0]
            return ops.stack(
                [
                    ops.log1p(count),
                    count / ops.maximum(lengths, 1.0),
                    *(ops.log(0.01 + sums[:, 1 + scale]) for scale in range(len(self.time_scales))),
                    ops.log(0.01 + ops.minimum(matched.least, NEVER)),
                ],
                axis=1,
            )

        levels = joins(self.levels, ages, event_ids, candidate_ids, candidate_rows, self.unknown_ids)
        return ops.concatenate([features(joined) for joined in levels], axis=1)

    def compute_output_spec(
        self,
        history_ids: Mapping[str, keras.KerasTensor],
        candidate_ids: Mapping[str, keras.KerasTensor],
        *,
        history_time: keras.KerasTensor,
    ) -> keras.KerasTensor:
        shape = candidate_ids[self.levels[0]]
        return keras.KerasTensor((*shape.shape, self.output_dim), dtype="float32", ragged=shape.ragged)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "levels": list(self.levels),
            "time_scales": list(self.time_scales),
            "unknown_ids": self.unknown_ids,
        }


def joins(
    levels: Sequence[str],
    ages: Rows,
    event_ids: Mapping[str, Any],
    candidate_ids: Mapping[str, Any],
    candidate_rows: Any,
    unknown_ids: Mapping[str, int],
) -> Iterator[Join]:
    """Joins flat candidates with the events that match them: first with every event of their row, then at each level.

    Args:
        levels: names of the levels after "all".
        ages: R histories of N events.
        event_ids: level → int [N].
        candidate_ids: level → int [M].
        candidate_rows: int [M].
        unknown_ids: level → the id that matches nothing.
    """
    event_rows = ages.ids
    # Every event of a row matches at "all", which needs no sorting.
    yield Join(None, event_rows, candidate_rows, ages.num_rows + 1)
    for level in levels:
        wanted, unknown = candidate_ids[level], unknown_ids.get(level)
        known = wanted if unknown is None else ops.where(wanted == unknown, -1, wanted)
        yield join(event_ids[level], event_rows, known, candidate_rows)


def _in_rows_of(reference: Rows, whose: str, name: str, ids: Any) -> Any:
    """Returns the flat ids of a level if they lie in the rows of a reference, as the join takes for granted."""
    rows = Rows.of(ids)
    if rows.splits is reference.splits:
        return rows.values
    ends, expected = rows.splits.shape[0], reference.splits.shape[0]
    if None not in (ends, expected) and ends != expected:
        raise ValueError(
            f"ids of {name!r} have the rows of {whose}. "
            f"Received: {ends - 1} rows against {expected - 1}; give every request a row, if an empty one"
        )
    return at_most(
        0,
        ops.sum(ops.cast(rows.splits != reference.splits, "int32")),
        rule=f"row splits of the ids of {name!r} that differ from those of {whose} must be none",
        way_out="give every event one id a level and one age, every candidate one id a level",
        then=rows.values,
    )


def _check_integers(name: str, ids: Any) -> None:
    dtype = keras.backend.standardize_dtype(ids.dtype)
    if not dtype.startswith("int"):
        raise ValueError(
            f"ids are integers. Received: {name} of {dtype}; encode or hash them, or cast whole numbers to int64"
        )
