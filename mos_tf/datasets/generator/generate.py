"""`generate`: writes a made log as a data directory, a chunk of users at a time."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.progress import Progress

from mos_tf.datasets.events import EVENT_TYPE, EXPOSURE_ID, SESSION_ID
from mos_tf.datasets.files import replacing
from mos_tf.datasets.generator.catalogue import Catalogue
from mos_tf.datasets.generator.clicks import Clicks
from mos_tf.datasets.generator.config import GeneratorConfig
from mos_tf.datasets.generator.impressions import Impressions, make_impressions
from mos_tf.datasets.manifest import write_manifest
from mos_tf.features import ITEM_ID, TIMESTAMP, USER_ID

SETTINGS = "settings.json"
USERS_PER_CHUNK = 1000  # some 100,000 events by default
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_SCHEMAS = {
    "events": pa.schema(
        {
            USER_ID: _DICTIONARY,
            ITEM_ID: _DICTIONARY,
            TIMESTAMP: pa.int64(),
            EVENT_TYPE: _DICTIONARY,
            SESSION_ID: _DICTIONARY,
            EXPOSURE_ID: pa.string(),
            "true_theme": _DICTIONARY,
            "true_probability": pa.float64(),
        }
    ),
    "exposures": pa.schema({EXPOSURE_ID: pa.string(), "item_ids": pa.list_(_DICTIONARY)}),
    "truth": pa.schema(
        {EXPOSURE_ID: _DICTIONARY, ITEM_ID: _DICTIONARY, "true_probability": pa.float64(), "label": pa.int8()}
    ),
}


@dataclass(frozen=True)
class Generated:
    """How much was written."""

    users: int
    sessions: int
    events: int
    impressions: int


def generate(
    config: GeneratorConfig,
    directory: str | Path,
    progress: Progress | None = None,
    users_per_chunk: int = USERS_PER_CHUNK,
) -> Generated:
    """Writes events, items, exposures and truth (parquet), `settings.json` and `manifest.json` into the directory.

    Every event is a click, with its session and the list it was chosen from; `truth.parquet` has every shown item of
    every list with its true click probability and the label (see `make_impressions`). Columns `true_…` and that file
    are for judging alone.

    Args:
        config: what the log is like.
        directory: written beside, then renamed; an earlier made log is replaced.
        progress: shows how far the work is; None shows nothing.
        users_per_chunk: users in memory at a time. The rows do not depend on it.

    Raises:
        DataError: the directory holds other things.
    """
    progress = progress or Progress(disable=True)
    catalogue = Catalogue(config)
    items = catalogue.frame()
    themes = pa.array([f"t{theme}" for theme in range(config.num_themes)])
    sessions = events = impressions = 0
    with replacing(directory, marker=SETTINGS) as out:
        (out / SETTINGS).write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")
        pq.write_table(pa.Table.from_pandas(items, preserve_index=False), out / "items.parquet", store_schema=False)
        with ExitStack() as stack:
            writers = {
                name: stack.enter_context(
                    # Without Arrow's own schema a reader sees plain strings, whatever they were written from.
                    pq.ParquetWriter(out / f"{name}.parquet", schema, compression="zstd", store_schema=False)
                )
                for name, schema in _SCHEMAS.items()
            }
            task = progress.add_task("generating users", total=config.users)
            for first in range(0, config.users, users_per_chunk):
                users = np.arange(first, min(first + users_per_chunk, config.users))
                clicks = Clicks(config, catalogue, users)
                shown = make_impressions(config, catalogue, clicks)
                for name, columns in _columns(
                    catalogue, users, clicks, shown, pa.array(items[ITEM_ID]), themes
                ).items():
                    writers[name].write_table(pa.table(columns, schema=_SCHEMAS[name]))
                sessions += len(clicks.sessions.length)
                events += len(clicks.item)
                impressions += len(shown.item)
                progress.advance(task, len(users))
        write_manifest(out, f"generated, mode {config.mode}, {config.users:,} users, seed {config.seed}")
    return Generated(config.users, sessions, events, impressions)


def _columns(
    catalogue: Catalogue, users: np.ndarray, clicks: Clicks, shown: Impressions, item_ids: pa.Array, themes: pa.Array
) -> dict[str, list[pa.Array]]:
    """The columns of a chunk, in the order of the schemas."""
    user_ids = pc.binary_join_element_wise("u", _strings(users), "")
    own_session = _numbered(user_ids, clicks.sessions.user, clicks.sessions.number)
    list_ids = pc.binary_join_element_wise("e", _numbered(user_ids, clicks.user, clicks.number), "")
    offsets = np.searchsorted(shown.row, np.arange(len(clicks.item) + 1)).astype(np.int32)
    theme = catalogue.theme_of(clicks.category)
    return {
        "events": [
            _coded(clicks.user, user_ids),
            _coded(clicks.item, item_ids),
            pa.array(clicks.timestamp),
            _coded(np.zeros_like(clicks.item), pa.array(["click"])),
            _coded(clicks.session, own_session),
            list_ids,
            _coded(theme, themes),
            pa.array(shown.probability[shown.label]),
        ],
        "exposures": [list_ids, pa.ListArray.from_arrays(offsets, _coded(shown.item, item_ids))],
        "truth": [
            _coded(shown.row, list_ids),
            _coded(shown.item, item_ids),
            pa.array(shown.probability),
            pa.array(shown.label.astype(np.int8)),
        ],
    }


def _coded(codes: np.ndarray, values: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), values)


def _numbered(user_ids: pa.Array, user: np.ndarray, number: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(user_ids.take(pa.array(user)), _strings(number), "-")


def _strings(numbers: np.ndarray) -> pa.Array:
    return pa.array(numbers).cast(pa.string())
