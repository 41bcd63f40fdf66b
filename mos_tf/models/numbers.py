"""`CandidateNumbers`: every number that is known of a candidate, for the tower of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from mos_tf.features import CANDIDATE, HISTORY, ITEM_ID, USER_ID
from mos_tf.layers import HistoryAffinity, HistorySimilarity
from mos_tf.models.priors import LabelPriors
from mos_tf.ragged import Rows, row_ids


@keras.saving.register_keras_serializable("mos_tf")
class CandidateNumbers(keras.layers.Layer):
    """Puts side by side affinity and similarity at every level, numeric features and, where wanted, priors of labels.

    Args:
        num_ids: number of ids of each level at which events and candidates can match.
        num_themes: resolutions of the themes, each a level of its own.
        columns: keys of the numeric features of candidates and of the request.
        time_scales: of `HistoryAffinity`, in days; that of similarity is the longer one.
        affinity_levels: at which of the levels matches are counted; default all, `()` for no affinity.
        similarity: whether matches are compared, too (`HistorySimilarity`), at the same levels but for the item.
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
        similarity: bool = False,
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
        self.similarity = None
        if levels and similarity:
            coarser = [level for level in levels if level != ITEM_ID]  # of an item with itself
            self.similarity = HistorySimilarity(
                num_ids[ITEM_ID],
                coarser,
                time_scale=max(time_scales),
                unknown_ids={level: unknown[level] for level in coarser},
                name="similarity",
            )
        self.priors = LabelPriors(num_ids, name="priors") if priors else None
        layers = (self.affinity, self.similarity, self.priors)
        of_layers = sum(layer.output_dim for layer in layers if layer is not None)
        self.output_dim = of_layers + len(columns)
        self.built = True

    def call(self, features: Mapping[str, Any], ages: tf.RaggedTensor, themes: Any, training: bool = False) -> Any:
        candidates = features[CANDIDATE + ITEM_ID]
        numbers = [tf.zeros([tf.size(candidates.flat_values), 0])]
        if self.affinity is not None:
            numbers += self._of_matches(features, ages, themes)
        rows = row_ids(tf.cast(candidates.row_splits, tf.int64))
        for value in (features[key] for key in self.columns):
            flat = value.flat_values if isinstance(value, tf.RaggedTensor) else tf.gather(value, rows)
            numbers.append(flat[:, None])
        if self.priors is not None:
            ids = {name: features[CANDIDATE + name].flat_values for name in self.ids}
            numbers.append(self.priors(ids, tf.gather(features[USER_ID], rows), training=training))
        return tf.concat(numbers, axis=1)

    def _of_matches(self, features: Mapping[str, Any], ages: tf.RaggedTensor, themes: Any) -> list[tf.Tensor]:
        """Returns affinity and, where wanted, similarity of the flat candidates."""
        assert self.affinity is not None
        events, candidates = (
            self.level_ids(features, prefix, side)
            for prefix, side in zip((HISTORY, CANDIDATE), themes or (None, None), strict=True)
        )
        numbers = [
            self.affinity(
                {level: events[level] for level in self.affinity.levels},
                {level: candidates[level] for level in self.affinity.levels},
                history_time=ages,
            ).flat_values
        ]
        if self.similarity is not None:
            of_events, of_candidates = (
                {level: ids.flat_values for level, ids in side.items()} for side in (events, candidates)
            )
            numbers.append(
                self.similarity.match(
                    Rows.of(ages),
                    of_events[ITEM_ID],
                    of_candidates[ITEM_ID],
                    of_events,
                    of_candidates,
                    Rows.of(candidates[ITEM_ID]).ids,
                )
            )
        return numbers

    def level_ids(self, features: Mapping[str, Any], prefix: str, themes: Any) -> dict[str, tf.RaggedTensor]:
        """Returns the ids of events or candidates at every level: int [batch, (n)].

        Args:
            features: the ranker's inputs, item table looked up.
            prefix: `HISTORY` or `CANDIDATE`.
            themes: of the flat events or candidates, int [N, resolutions]; None without any.
        """
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
