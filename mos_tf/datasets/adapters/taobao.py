"""Taobao UserBehavior: nine days of page views, cart additions, favourites and purchases of a million users.

Alibaba Tianchi, "User Behavior Data from Taobao for Recommendation": `UserBehavior.csv` without a header row: user,
item, category, behaviour (pv, cart, fav, buy), unix seconds. Days are those of China (UTC+8).
"""

from pathlib import Path

from mos_tf.datasets.adapters.published import Published, Statistics
from mos_tf.datasets.adapters.source import Adapter, Source, require_files
from mos_tf.datasets.config import RowRules, SplitTimes
from mos_tf.datasets.events import EVENT_TYPE
from mos_tf.datasets.files import read_batches
from mos_tf.features import ITEM_ID, TIMESTAMP, USER_ID

COLUMNS = (USER_ID, ITEM_ID, "category", EVENT_TYPE, TIMESTAMP)
RULES = RowRules(
    start="2017-11-25T00:00:00+08:00", end="2017-12-04T00:00:00+08:00", event_types=("pv", "cart", "fav", "buy")
)


def read(path: Path) -> Source:
    """Reads the behaviours as events; nobody recorded what else was shown, so there are no lists and no labels.

    Their requests are made with `negatives: sampled`, from the log's second week on, which starts with 2017-11-30 UTC.
    Some rows lie outside the nine days, years before or after: they are bad rows.

    Args:
        path: the file, or the directory that holds it.

    Raises:
        DataError: the file is missing.
    """
    file = path if path.is_file() else require_files(path, "UserBehavior.csv", "Taobao UserBehavior")[0]
    return Source(rows=read_batches(file, names=COLUMNS), size=file.stat().st_size, rules=RULES)


ADAPTERS = {
    "taobao-user-behavior": Adapter(
        Published(
            Statistics(users=987_994, items=4_162_024, samples=100_150_807),
            SplitTimes(
                train_start="2017-11-25T00:00:00+08:00",
                train_end="2017-12-02T00:00:00+08:00",
                eval_end="2017-12-03T00:00:00+08:00",
                test_end="2017-12-04T00:00:00+08:00",
            ),
            "statistics: the data set's page; split: its last two days, ours, since the literature's last behaviour of "
            "every user is no split by time",
        ),
        read,
    )
}
