"""KuaiRand: a month of impressions of the short-video app Kuaishou, some of them of random videos.

Gao et al., "KuaiRand: An Unbiased Sequential Recommendation Dataset with Randomly Exposed Videos", CIKM 2022 (CC BY-SA
4.0), Pure, 1K and 27K: `log_standard_*.csv`, `log_random_*.csv` and `video_features_basic_*.csv`, each in some parts.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mos_tf.datasets.adapters.published import Published, Statistics, TimeQuantiles
from mos_tf.datasets.adapters.source import Adapter, Source, require_files, tags
from mos_tf.datasets.files import read_batches
from mos_tf.features import ITEM_ID, LABEL, TIMESTAMP, USER_ID

_KEPT = ["is_rand", "tab", "long_view"]


def read(directory: Path) -> Source:
    """Reads the impressions of both logs, and the videos with `author_id`, `category` (first tag) and `tags`.

    Args:
        directory: the data set's directory, or its `data`.

    Raises:
        DataError: a file is missing.
    """
    data = directory / "data" if (directory / "data").is_dir() else directory
    logs = [file for kind in ("standard", "random") for file in require_files(data, f"log_{kind}_*.csv", "KuaiRand")]
    videos = require_files(data, "video_features_basic_*.csv", "KuaiRand")
    return Source(rows=_rows(logs), items=_items(videos), size=sum(log.stat().st_size for log in logs))


def _rows(logs: list[Path]) -> Iterator[pa.Table]:
    for log in logs:
        for batch in read_batches(log, ["user_id", "video_id", "time_ms", "is_click", *_KEPT]):
            columns = {
                USER_ID: batch["user_id"],
                ITEM_ID: batch["video_id"],
                TIMESTAMP: _seconds(batch["time_ms"]),
                # An impression whose click is not known is bad; without this it would pass as an event without a list.
                LABEL: pc.fill_null(batch["is_click"], "no click given"),
            }
            yield pa.table({**columns, **{name: batch[name] for name in _KEPT}})


def _seconds(milliseconds: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whole seconds as strings; what is no number stays as it is, so that it is a bad timestamp."""
    number = pc.match_substring_regex(milliseconds, r"^[0-9]+(\.[0-9]*)?$")
    whole = pc.replace_substring_regex(milliseconds, r"\.[0-9]*$", "")
    # The text without its last three digits: exact, and no harder on a column with one odd value.
    return pc.if_else(number, pc.replace_substring_regex(whole, "[0-9]{3}$", ""), milliseconds)


def _items(files: list[Path]) -> Iterator[pa.Table]:
    for file in files:
        for batch in read_batches(file, ["video_id", "author_id", "video_type", "tag"]):
            first, every = tags(batch["tag"], ",")
            described = {"author_id": batch["author_id"], "video_type": batch["video_type"]}
            yield pa.table({ITEM_ID: batch["video_id"], "category": first, "tags": every, **described})


def _published(users: int, items: int, standard: int, random: int, share: float | None = None) -> Published:
    return Published(
        Statistics(users, items, standard + random, share),
        TimeQuantiles(),
        "statistics: the data set's README, both logs together; split: ours, by time, the last tenths eval and test",
    )


ADAPTERS = {
    "kuairand-pure": Adapter(_published(27_285, 7_583, 1_436_609, 1_186_059), read),
    "kuairand-1k": Adapter(_published(1_000, 4_369_953, 11_713_045, 43_028, share=0.378), read),
    "kuairand-27k": Adapter(_published(27_285, 32_038_725, 322_278_385, 1_186_059), read),
}
