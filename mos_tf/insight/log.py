"""`Log`: the events of a data directory with what the report says about them."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

from mos_tf.errors import MosError
from mos_tf.features import ITEM_ID, TIMESTAMP, USER_ID
from mos_tf.insight.hopping import SESSION_ID


@dataclass(frozen=True)
class Log:
    """Events and items of a data directory.

    Args:
        source: where the data came from.
        events: user_id, item_id, timestamp (UTC seconds), perhaps session_id, and every item feature.
        items: one row an item.
    """

    source: str
    events: pd.DataFrame
    items: pd.DataFrame

    @classmethod
    def read(cls, directory: Path, made_by: str) -> "Log":
        """Reads `events.parquet`, `items.parquet` and the source named in `manifest.json`.

        Args:
            directory: a data directory.
            made_by: the command that writes it, for the error.

        Raises:
            MosError: a file or column is missing.
        """
        events = _read(directory / "events.parquet", [USER_ID, ITEM_ID, TIMESTAMP], made_by)
        events = events[[name for name in (USER_ID, ITEM_ID, TIMESTAMP, SESSION_ID) if name in events]].dropna()
        items = _read(directory / "items.parquet", [ITEM_ID], made_by)
        manifest = directory / "manifest.json"
        source = json.loads(manifest.read_text(encoding="utf-8"))["source"] if manifest.is_file() else directory.name
        return cls(source, events.merge(items, on=ITEM_ID, how="left"), items)

    @property
    def lengths(self) -> pd.Series:
        """Events of each user."""
        return self.events.groupby(USER_ID).size()

    def column_of(self, values: list[str]) -> str:
        """Returns the item column that holds most of the values: where tokens come from."""
        wanted = set(values)
        held = {str(name): len(wanted.intersection(self.items[name].dropna())) for name in self.items.columns}
        return max(held, key=held.__getitem__)

    def category(self, otherwise: str) -> str:
        """Returns the first item column that is called a category, or another."""
        return next((name for name in self.items.columns.astype(str) if name.endswith("category")), otherwise)


def _read(path: Path, columns: list[str], made_by: str) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise MosError(f"the report needs {path.name}. Received: no readable file {path}. Run: {made_by}") from error
    missing = [name for name in columns if name not in table]
    if missing:
        raise MosError(f"{path} must have the columns {columns}. Missing: {missing}. Run: {made_by}")
    return table
