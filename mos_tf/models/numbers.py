"""`CandidateNumbers`: every number that is known of a candidate, for the tower of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID, USER_ID
from mos_tf.layers import HistoryAffinity
from mos_tf.models.priors import LabelPriors
from mos_tf.ragged import row_ids


@keras.saving.register_keras_serializable("mos_tf")
class CandidateNumbers(keras.layers.Layer):
    """Puts side by side affinity at every level, numeric features and, where wanted, priors of labels.

    Args:
        num_ids: number of ids of each level at which events and candidates can match.
        num_themes: resolutions of the themes, each a level of its own.
        columns: keys of the numeric features of candidates and of the request.
        time_scales: of `HistoryAffinity`, in days.
        affinity_levels: at which of the levels matches are counted; default all, `()` for no affinity.
        priors: whether `LabelPriors` of the levels (themes left out) are among the numbers.

    Call arguments:
        features: the ranker's inputs, item table looked up.
        ages: int64 RaggedTensor [batch, (events)], seconds before the request.
        themes: themes of the flat events and candidates, a pair of int [N, resolutions]; None without any.
        training: whether priors leave the user's own fold out.

    Returns:
        float32 [M, output_dim] of the flat candidates.

    Raises:
        ValueError: an affinity level that is none.
    """

    def __init__(
        self,
        num_ids: Mapping[str, int],
        num_themes: tuple[int, ...],
        columns: list[str],
        time_scales: tuple[float, float],
        priors: bool,
        affinity_levels: Sequence[str] | None = None,
        **kwargs: Any,
    ):
        super().__init__(dtype="float32", autocast=False, **kwargs)
        self.ids = list(num_ids)
        self.num_themes = num_themes
        self.columns = columns
        unknown = {name: ids - 1 for name, ids in num_ids.items()}
        unknown |= {f"theme_{themes}": themes for themes in num_themes}
        self.affinity = None
        if levels := _chosen(affinity_levels, list(unknown)):
            self.affinity = HistoryAffinity(
                levels, time_scales, {level: unknown[level] for level in levels}, name="affinity"
            )
        self.priors = LabelPriors(num_ids, name="priors") if priors else None
        of_layers = sum(layer.output_dim for layer in (self.affinity, self.priors) if layer is not None)
        self.output_dim = of_layers + len(columns)
        self.built = True

    def call(self, features: Mapping[str, Any], ages: tf.RaggedTensor, themes: Any, training: bool = False) -> Any:
        candidates = features[CANDIDATE + ITEM_ID]
        numbers = [tf.zeros([tf.size(candidates.flat_values), 0])]
        if self.affinity is not None:
            of_events, of_candidates = (
                {
                    level: ids
                    for level, ids in self._ids(features, prefix, side).items()
                    if level in self.affinity.levels
                }
                for prefix, side in zip((HISTORY, CANDIDATE), themes or (None, None), strict=True)
            )
            numbers.append(self.affinity(of_events, of_candidates, history_time=ages).flat_values)
        rows = row_ids(tf.cast(candidates.row_splits, tf.int64))
        for value in (features[key] for key in self.columns):
            flat = value.flat_values if isinstance(value, tf.RaggedTensor) else tf.gather(value, rows)
            numbers.append(flat[:, None])
        if self.priors is not None:
            ids = {name: features[CANDIDATE + name].flat_values for name in self.ids}
            numbers.append(self.priors(ids, tf.gather(features[USER_ID], rows), training=training))
        return tf.concat(numbers, axis=1)

    def _ids(self, features: Mapping[str, Any], prefix: str, themes: Any) -> dict[str, tf.RaggedTensor]:
        """Returns the ids of events or candidates at every level."""
        rows = features[prefix + ITEM_ID]
        ids = {name: features[prefix + name] for name in self.ids}
        for column, count in enumerate(self.num_themes):
            ids[f"theme_{count}"] = rows.with_flat_values(themes[:, column])
        return ids


def _chosen(wanted: Sequence[str] | None, levels: list[str]) -> list[str]:
    """Returns those of the levels that are wanted, in their order."""
    if wanted is None:
        return levels
    if isinstance(wanted, str) or set(wanted) - set(levels):
        raise ValueError(
            f"matches are counted at some of the levels {levels}. Received: affinity_levels={wanted!r}; "
            "list some of these, or () for no affinity"
        )
    return [level for level in levels if level in wanted]
