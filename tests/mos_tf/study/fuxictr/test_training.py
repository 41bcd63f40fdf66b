import runpy
import sys
from importlib.util import find_spec
from unittest.mock import MagicMock

import numpy as np
import pytest


@pytest.fixture
def training(monkeypatch):
    """The names of the module, which cannot be imported beside TensorFlow, without PyTorch and FuxiCTR behind them."""
    for name in ("torch", "fuxictr", "fuxictr.features", "fuxictr.metrics", "model_zoo"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    found = find_spec("mos_tf.study.fuxictr.training")
    assert found and found.origin
    return runpy.run_path(found.origin)


def test_a_model_that_diverged_orders_nothing_and_others_are_validated_by_fuxictr(training):
    columns = {"label": np.array([1, 0, 1]), "label/splits": np.array([0, 2, 3]), "user_id": np.array([7, 8])}
    measured = sys.modules["fuxictr.metrics"].evaluate_metrics
    assert training["_gauc"](columns, np.array([0.5, np.nan, 0.5])) == 0.5
    measured.assert_not_called()
    measured.return_value = {"gAUC": 0.75}
    assert training["_gauc"](columns, np.array([0.5, 0.25, 0.5])) == 0.75
    assert measured.call_args.args[3].tolist() == [7, 7, 8]
