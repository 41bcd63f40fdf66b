"""`CandidateNumbers`: every number that is known of a candidate, for the tower of numbers."""

from collections.abc import Mapping
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
        priors: whether `LabelPriors` of the levels (themes left out) are among the numbers.

    Call arguments:
        features: the ranker's inputs, item table looked up.
        ages: int64 RaggedTensor [batch, (events)], seconds before the request.
        themes: themes of the flat events and candidates, a pair of int [N, resolutions]; None without any.
        training: whether priors leave the user's own fold out.

    Returns:
        float32 [M, output_dim] of the flat candidates.
    """

    def __init__(
        self,
        num_ids: Mapping[str, int],
        num_themes: tuple[int, ...],
        columns: list[str],
        time_scales: tuple[float, float],
        priors: bool,
        **kwargs: Any,
    ):
        super().__init__(dtype="float32", autocast=False, **kwargs)
        self.levels = list(num_ids)
        self.num_themes = num_themes
        self.columns = columns
        unknown = {name: ids - 1 for name, ids in num_ids.items()}
        unknown |= {f"theme_{themes}": themes for themes in num_themes}
        self.affinity = HistoryAffinity(list(unknown), time_scales, unknown, name="affinity")
        self.priors = LabelPriors(num_ids, name="priors") if priors else None
        self.output_dim = self.affinity.output_dim + len(columns) + (self.priors.output_dim if self.priors else 0)
        self.built = True

    def call(self, features: Mapping[str, Any], ages: tf.RaggedTensor, themes: Any, training: bool = False) -> Any:
        events, candidates = features[HISTORY + ITEM_ID], features[CANDIDATE + ITEM_ID]
        history_ids = {name: features[HISTORY + name] for name in self.levels}
        candidate_ids = {name: features[CANDIDATE + name] for name in self.levels}
        for column, count in enumerate(self.num_themes):
            history_ids[f"theme_{count}"] = events.with_flat_values(themes[0][:, column])
            candidate_ids[f"theme_{count}"] = candidates.with_flat_values(themes[1][:, column])
        numbers = [self.affinity(history_ids, candidate_ids, history_time=ages).flat_values]
        rows = row_ids(tf.cast(candidates.row_splits, tf.int64))
        for value in (features[key] for key in self.columns):
            flat = value.flat_values if isinstance(value, tf.RaggedTensor) else tf.gather(value, rows)
            numbers.append(flat[:, None])
        if self.priors is not None:
            ids = {name: features[CANDIDATE + name].flat_values for name in self.levels}
            numbers.append(self.priors(ids, tf.gather(features[USER_ID], rows), training=training))
        return tf.concat(numbers, axis=1)
