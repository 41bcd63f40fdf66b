"""What a run keeps of its training, for people and reports: curves, effort, and what the themes are about."""

from collections.abc import Iterable

import numpy as np

from mos_tf.features import HISTORY, REQUEST_TIME, USER_ID
from mos_tf.insight.results import ThemeTable, Training
from mos_tf.models.fitting import Fitted


def count_tokens(batches: Iterable, token: str, num_ids: int) -> np.ndarray:
    """Returns how often each id of a history feature occurs in training, int64 [num_ids].

    Requests repeat their user's events, so of each user only the history of the latest request counts.

    Args:
        batches: (features, label) of the training requests.
        token: name of the feature.
        num_ids: its number of ids.
    """
    latest: dict[int, tuple[int, np.ndarray]] = {}
    for features, _ in batches:
        users, times = features[USER_ID].numpy().tolist(), features[REQUEST_TIME].numpy().tolist()
        ids, splits = features[HISTORY + token].flat_values.numpy(), features[HISTORY + token].row_splits.numpy()
        for row, (user, time) in enumerate(zip(users, times, strict=True)):
            if user not in latest or time > latest[user][0]:
                latest[user] = (time, ids[splits[row] : splits[row + 1]])
    counts = np.zeros(num_ids, np.int64)
    for _, ids in latest.values():
        counts += np.bincount(ids, minlength=num_ids)
    return counts


def theme_record(tokens: Iterable[str], themes: dict[int, np.ndarray], counts: np.ndarray) -> ThemeTable:
    """Returns tokens by id, the theme of each at every resolution, and how often training met them.

    Args:
        tokens: the theme token's vocabulary; the lists of themes and counts have one more entry, for unknown tokens.
        themes: resolution → theme of each token id; the middle resolution routes.
        counts: events of each token id.
    """
    resolutions = sorted(themes)
    return ThemeTable(
        routing_resolution=resolutions[len(resolutions) // 2],
        resolutions=resolutions,
        tokens=list(tokens),
        themes={str(resolution): table.tolist() for resolution, table in themes.items()},
        counts=counts.tolist(),
    )


def training_record(
    fitted: Fitted, themes: dict[int, np.ndarray], counts: np.ndarray, steps: int, seconds: float
) -> Training:
    """Returns how the training went, and each theme's share of the training events (last: no theme)."""
    load = {
        str(resolution): (np.bincount(table, weights=counts, minlength=resolution + 1) / max(counts.sum(), 1)).tolist()
        for resolution, table in themes.items()
    }
    curves = {name: [float(value) for value in values] for name, values in fitted.history.items()}
    return Training(history=curves, kept=fitted.kept, theme_load=load, steps=steps, seconds=round(seconds, 1))
