"""`HistorySimilarity`: how near a history lies to a candidate where items that share sessions are near."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mos_tf.layers.affinity import SECONDS_PER_DAY, joins
from mos_tf.layers.co_occurrence import co_occurrence, positive_pmi, similar_vectors
from mos_tf.ragged import Join, Rows
from mos_tf.ragged.backend import take

_SOME = 0.01  # weight of no event at all, so that a mean over none is 0


@keras.saving.register_keras_serializable("mos_tf")
class HistorySimilarity(keras.layers.Layer):
    """Compares a candidate with the events that match it at several levels (category, theme), by what items are like.

    Affinity counts matches; this tells which way they point. Items that occur together, in a session or in a theme's
    subsequence, have near vectors v of unit length, and for each level l, with the events t that match the candidate c
    there and their ages Δ_t in days (this project's formulation):

        ψ_l = [ ⟨v_c, Σ v_t⟩ / (.01 + n_l),  ⟨v_c, Σ e^(−Δ_t/τ) v_t⟩ / (.01 + Σ e^(−Δ_t/τ)) ]

    Items without a vector are left out on both sides. The first level, "all", matches every event. Its cost grows
    with events plus candidates, never with their product: what is summed are vectors, once an event and level. The
    vectors are found by `adapt` and frozen; it computes in float32 under every dtype policy.

    Args:
        num_items: number of item ids; the last one is the vocabulary's out-of-vocabulary id.
        levels: names of the levels after "all", in the order of the output.
        dim: width of the vectors.
        time_scale: τ in days.
        unknown_ids: by level, the id that stands for everything unknown and matches nothing.
        seed: of the decomposition.

    Attributes:
        output_dim: 2 · (1 + levels).

    Example:

    >>> import tensorflow as tf
    >>> similarity = HistorySimilarity(num_items=5, dim=2)
    >>> similarity.adapt(groups=np.array([0, 0, 1, 1]), items=np.array([0, 1, 2, 3]))
    >>> ages = Rows(tf.constant([60, 30]), tf.constant([0, 2]))
    >>> told = similarity.match(ages, tf.constant([0, 0]), tf.constant([1, 2]), {}, {}, tf.constant([0, 0]))
    >>> near, far = told[:, 0].numpy()
    >>> bool(near > 0.8 > 0.2 > far)  # items 0 and 1 share a session
    True
    """

    numbers_per_level = 2

    def __init__(
        self,
        num_items: int,
        levels: Sequence[str] = (),
        dim: int = 64,
        time_scale: float = 21.0,
        unknown_ids: Mapping[str, int] | None = None,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(dtype=kwargs.pop("dtype", "float32"), autocast=False, **kwargs)
        self.num_items = num_items
        self.levels = tuple(levels)
        self.dim = dim
        self.time_scale = time_scale
        self.unknown_ids = dict(unknown_ids or {})
        self.seed = seed
        self.output_dim = self.numbers_per_level * (1 + len(self.levels))
        self.vectors = self.add_weight(
            shape=(num_items, dim), initializer="zeros", name="vectors", trainable=False, autocast=False
        )
        self.built = True

    @property
    def num_known(self) -> int:
        """How many items have a vector."""
        return int(np.count_nonzero(np.any(ops.convert_to_numpy(self.vectors), axis=1)))

    def adapt(self, groups: np.ndarray, items: np.ndarray) -> None:
        """Finds the vectors of items that occur together; where none do, there are none and all numbers are 0.

        Args:
            groups: int [N], what each occurrence belongs to; an event may occur in several groups.
            items: int [N], the item of each; the last id, of what is unknown, is left out.
        """
        known = items < self.num_items - 1
        counts = co_occurrence(groups[known], items[known], self.num_items)
        self.vectors.assign(similar_vectors(positive_pmi(counts), self.dim, self.seed))

    def match(
        self,
        ages: Rows,
        event_items: Any,
        candidate_items: Any,
        event_ids: Mapping[str, Any],
        candidate_ids: Mapping[str, Any],
        candidate_rows: Any,
    ) -> Any:
        """Returns the similarity of flat candidates, float32 [M, 2 · (1 + levels)].

        Args:
            ages: R histories of N events, seconds before the request.
            event_items: int [N].
            candidate_items: int [M].
            event_ids: level → int [N].
            candidate_ids: level → int [M].
            candidate_rows: int [M], the row each candidate looks at.
        """
        wanted = take(self.vectors.value, candidate_items)
        aged = ops.exp(-ops.maximum(ops.cast(ages.values, "float32"), 0.0) / (SECONDS_PER_DAY * self.time_scale))

        def numbers(joined: Join) -> Any:
            """Compares the candidates with the events that match them, which are all that is looked up."""
            events = take(self.vectors.value, joined.of_events(event_items))
            weight = ops.cast(ops.any(events != 0, axis=1), "float32")
            weights = ops.stack([weight, weight * joined.of_events(aged)], axis=1)
            sums = joined.sums(ops.concatenate([events, events * weights[:, 1:], weights], axis=1))
            of_each = ops.reshape(sums[:, : 2 * self.dim], (-1, 2, self.dim))
            return ops.sum(of_each * wanted[:, None], axis=-1) / (_SOME + sums[:, 2 * self.dim :])

        levels = joins(self.levels, ages, event_ids, candidate_ids, candidate_rows, self.unknown_ids)
        return ops.concatenate([numbers(joined) for joined in levels], axis=1)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "levels": list(self.levels),
            "dim": self.dim,
            "time_scale": self.time_scale,
            "unknown_ids": self.unknown_ids,
            "seed": self.seed,
        }
