"""What the Trainer says of the state it kept."""

import logging

import pytest

from mos_tf.models.fitting import Fitted
from tfx_pipeline.training import run


@pytest.mark.parametrize(
    ("kept", "level", "says"),
    [(2, logging.INFO, "Kept the state after validation 2"), (0, logging.WARNING, "before the first step")],
)
def test_a_training_says_which_state_it_kept_and_warns_where_no_step_helped(caplog, kept, level, says):
    with caplog.at_level(logging.INFO, logger=run.__name__):
        run._tell_what_was_kept(Fitted({"val_auc": [0.5, 0.6]}, kept))
    (record,) = caplog.records
    assert record.levelno == level and says in record.message
