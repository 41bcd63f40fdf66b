"""Themes found in a made log, whose true ones are known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import normalized_mutual_info_score

from mos_tf import ThemeRouter
from mos_tf.datasets.generator.config import GeneratorConfig, Mode
from mos_tf.datasets.generator.generate import generate

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> pd.DataFrame:
    directory = tmp_path_factory.mktemp("generated")
    config = GeneratorConfig(mode=Mode.HARD_SWITCH, users=1000)
    generate(config, directory / "data")
    items = pd.read_parquet(directory / "data" / "items.parquet", columns=["item_id", "category"])
    events = pd.read_parquet(directory / "data" / "events.parquet", columns=["item_id", "session_id", "true_theme"])
    return events.merge(items, on="item_id")


@pytest.mark.parametrize("start", ["co_occurrence", "random"])
def test_as_many_themes_as_there_are_agree_with_the_true_ones_and_live(log, start):
    tokens, names = pd.factorize(log["category"])
    true = log.groupby("category")["true_theme"].first().loc[names]
    num_themes = true.nunique()
    order = np.argsort(pd.factorize(log["session_id"])[0], kind="stable")
    router = ThemeRouter(len(names) + 1, num_themes)
    router.adapt(pd.factorize(log["session_id"])[0][order], tokens[order], start=start)
    found = np.asarray(router.table)[:-1, 0]
    assert normalized_mutual_info_score(true, found) >= 0.8
    assert len(set(found) - {num_themes}) >= 0.9 * num_themes
