"""Themes that are given, not learned: what learned ones are compared with."""

from collections.abc import Sequence

import numpy as np

from mos_tf import MixtureOfSequence
from mos_tf.errors import DataError
from mos_tf.study.data import TRUE_THEME, StudyData


def table_of(grouping: str, data: StudyData, token: str, num_themes: int | Sequence[int], seed: int) -> np.ndarray:
    """Returns the themes of all ids of a token, int32 [ids, resolutions]; the last row, of what is unknown, is K.

    Args:
        grouping: `"random"`: by chance, as many themes as asked for; `"own tokens"`: each id a theme of its own;
            `"hierarchy"`: the coarser columns of the items, as far as the data says; `"truth"`: of made data; `"one"`:
            all in one.
        data: ids and items.
        token: name of the theme token.
        num_themes: resolutions, for `"random"`.
        seed: of chance.

    Raises:
        DataError: the data has no hierarchy, or no truth.
    """
    known = data.num_ids[token] - 1
    if grouping == "random":
        rng = np.random.default_rng(seed)
        resolutions = (num_themes,) if isinstance(num_themes, int) else num_themes
        columns = [rng.integers(0, themes, known) for themes in resolutions]
        return _with_unknown(columns, list(resolutions))
    if grouping == "own tokens":
        return _with_unknown([np.arange(known)], [known])
    if grouping == "one":
        return _with_unknown([np.zeros(known, np.int64)], [1])
    names = data.config.hierarchy if grouping == "hierarchy" else (TRUE_THEME,)
    columns = [found for name in names if (found := data.group_of(token, name)) is not None]
    if not columns:
        raise DataError(
            f"themes that are given come from columns of the items. Received: {grouping!r}, but the items of "
            f"{data.config.name} have none of {list(names)}"
        )
    return _with_unknown(columns, [int(column.max()) + 1 for column in columns])


def route_by(mixture: MixtureOfSequence, table: np.ndarray) -> None:
    """Gives a mixture a router with the themes of a table, frozen."""
    router = mixture.make_router(len(table))
    router.frozen_table.assign(table)
    router.adapted = True


def _with_unknown(columns: list[np.ndarray], num_themes: list[int]) -> np.ndarray:
    return np.stack([np.append(c, k) for c, k in zip(columns, num_themes, strict=True)], axis=1).astype(np.int32)
