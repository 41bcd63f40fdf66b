"""`RoutedEvents`: what routings are judged on."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mos_tf.errors import DataError
from mos_tf.features import HISTORY, ITEM_ID, TIMESTAMP, USER_ID
from mos_tf.study.data import TRUE_THEME, StudyData


@dataclass(frozen=True)
class RoutedEvents:
    """N events with a token that training knows, of after all that themes were found in.

    Args:
        users: int [N].
        times: int [N], UTC seconds.
        tokens: int [N], ids of what is routed.
        groups: name → int [N], groupings of the events that themes are compared with.
    """

    users: np.ndarray
    times: np.ndarray
    tokens: np.ndarray
    groups: dict[str, np.ndarray]

    @classmethod
    def of(cls, data: StudyData) -> Self:
        """Takes the events since the end of training from the history of each user's latest test request.

        They are grouped by the true themes of made logs, the study's coarser columns, and other categories of items.

        Raises:
            DataError: there are none.
        """
        latest, spec = data.test.latest(), data.spec
        lengths = latest.columns[HISTORY + ITEM_ID].row_lengths().numpy()
        columns = {
            name: latest.columns[HISTORY + name].flat_values.numpy() for name in (TIMESTAMP, *spec.item_categoricals)
        }
        columns[USER_ID] = np.repeat(latest.columns[USER_ID].numpy(), lengths)
        known = columns[spec.theme_token] < data.num_ids[spec.theme_token] - 1
        train_end = data.config.requests.splits.train_end
        kept = known & (columns[TIMESTAMP] >= train_end)
        if not kept.any():
            raise DataError(
                "themes are judged on the events between training and a user's latest test request. Received: 0 events "
                f"of a known {spec.theme_token} since {train_end}; give a longer log"
            )
        columns = {name: values[kept] for name, values in columns.items()}
        tokens = columns[spec.theme_token]
        of_tokens = {name: data.group_of(spec.theme_token, name) for name in (TRUE_THEME, *data.config.hierarchy)}
        groups = {name: of_token[tokens] for name, of_token in of_tokens.items() if of_token is not None}
        others = [name for name in spec.item_categoricals if name not in (ITEM_ID, spec.theme_token, *groups)]
        groups |= {name: columns[name] for name in others}
        return cls(columns[USER_ID], columns[TIMESTAMP], tokens, groups)
