"""`GAUC`: AUC within each user, as a metric of TensorFlow Model Analysis."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util

from mos_tf.features import USER_ID
from mos_tf.metrics.grouped_auc import grouped_auc

Scored = list[tuple[bytes, float, float]]  # user, label, score


class GAUC(metric_types.Metric):
    """AUC within each user, weighted by the user's candidates, over extracts of one candidate each.

    Gives `gauc`, the unweighted `uauc`, and with them how many users they go over (`gauc_users`) and how many were
    left out because all their candidates have the same label (`gauc_one_class_users`). All scores of a slice meet on
    one worker: some 100 bytes a candidate.
    """

    def __init__(self) -> None:
        super().__init__(_computations, name="gauc")


def _computations(
    name: str = "gauc",
    eval_config: Any = None,
    model_names: Iterable[str] = ("",),
    **_: Any,
) -> list[metric_types.MetricComputation]:
    return [_computation(name, model_name, eval_config) for model_name in model_names]


def _computation(name: str, model_name: str, eval_config: Any) -> metric_types.MetricComputation:
    keys = [
        metric_types.MetricKey(name=key, model_name=model_name)
        for key in (name, "uauc", f"{name}_users", f"{name}_one_class_users")
    ]
    return metric_types.MetricComputation(
        keys=keys,
        preprocessors=[metric_types.FeaturePreprocessor(feature_keys=[USER_ID])],
        combiner=_Collect(keys, model_name, eval_config),
    )


class _Collect(beam.CombineFn):
    """Collects (user, label, score) of all candidates; AUC within users needs them together."""

    def __init__(self, keys: list[metric_types.MetricKey], model_name: str, eval_config: Any) -> None:
        self._keys = keys
        self._model_name = model_name
        self._eval_config = eval_config

    def create_accumulator(self) -> Scored:
        return []

    def add_input(self, accumulator: Scored, element: metric_types.StandardMetricInputs) -> Scored:
        user = np.ravel(element.features[USER_ID]).item()
        for label, score, _ in metric_util.to_label_prediction_example_weight(
            element, eval_config=self._eval_config, model_name=self._model_name
        ):
            accumulator.append((user, label.item(), score.item()))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Scored]) -> Scored:
        return list(chain.from_iterable(accumulators))

    def extract_output(self, accumulator: Scored) -> dict[metric_types.MetricKey, float]:
        users, labels, scores = zip(*accumulator, strict=True)
        result = grouped_auc(labels, scores, np.array(users, dtype=np.object_))
        values = (result.gauc, result.uauc, result.groups, result.one_class_groups)
        return dict(zip(self._keys, map(float, values), strict=True))
