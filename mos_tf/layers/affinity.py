"""`HistoryAffinity`: how much, and how recently, a history matches a candidate."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import ops

from mos_tf.encoders.base import like
from mos_tf.ragged import Rows, join_sums, row_lengths
from mos_tf.ragged.backend import take

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
        unknown_ids: by level, the id that stands for everything unknown, the largest of the level. Two unknown things
            are not the same thing, so it matches nothing.

    Call arguments:
        history_ids: dict of int RaggedTensors [batch, (events)], one a level.
        candidate_ids: dict of int RaggedTensors [batch, (candidates)], or dense [batch]; the same levels.
        history_time: int64 RaggedTensor [batch, (events)], seconds before the request, positive.

    Returns:
        float32 [batch, (candidates), 5 · (1 + levels)], in the candidates' form.

    Raises:
        ValueError: ids for other levels than the layer was made with.

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
        ages = Rows.of(history_time)
        shape = candidate_ids[self.levels[0]]
        wanted = {name: Rows.of(candidate_ids[name]) for name in self.levels}
        rows = wanted[self.levels[0]].ids
        affinity = self.match(
            ages,
            {name: Rows.of(history_ids[name]).values for name in self.levels},
            {name: part.values for name, part in wanted.items()},
            rows,
        )
        return like(shape, affinity)

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
        event_rows = ages.ids
        days = ops.cast(ages.values, "float32") / SECONDS_PER_DAY
        decayed = [ops.exp(-days / scale) for scale in self.time_scales]
        values = ops.stack([ops.ones_like(days), *decayed], axis=1)
        lengths = take(ops.cast(row_lengths(ages.splits), "float32"), candidate_rows)

        def level(events: Any, wanted: Any) -> Any:
            matched = join_sums(events, event_rows, wanted, candidate_rows, values, days)
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

        def known(name: str) -> Any:
            wanted, unknown = candidate_ids[name], self.unknown_ids.get(name)
            return wanted if unknown is None else ops.where(wanted == unknown, wanted + 1, wanted)

        everything = level(ops.zeros_like(event_rows), ops.zeros_like(candidate_rows))
        return ops.concatenate([everything, *(level(event_ids[n], known(n)) for n in self.levels)], axis=1)

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
