import numpy as np
import tensorflow as tf

from benchmarks.padded.din import PaddedDIN
from mos_tf.encoders import DIN
from mos_tf.ragged import Rows
from tests.support.sequence_layers import DIM, Case, disturb


def test_padded_din_gives_the_ragged_ones_numbers_with_its_weights():
    case = Case.random((3, 0, 70, 12), (1, 1, 1, 1)).inputs()
    history, candidates = case["history"], case["candidates"].flat_values
    arguments = history.to_tensor(), tf.sequence_mask(history.row_lengths()), candidates
    ragged, padded = _pair(history, candidates)
    padded(*arguments)
    padded.set_weights(ragged.get_weights())
    np.testing.assert_allclose(padded(*arguments), ragged(history, candidates), atol=2e-5)


def test_a_mask_with_gaps_gives_what_the_masked_events_alone_give():
    rng = np.random.default_rng(0)
    events = tf.constant(rng.normal(size=(1, 6, DIM)), tf.float32)
    valid = tf.constant([[True, False, True, True, False, False]])
    candidates = tf.constant(rng.normal(size=(1, DIM)), tf.float32)
    alone = Rows(events[valid], tf.constant([0, 3], tf.int64))
    ragged, padded = _pair(alone, candidates)
    padded(events, valid, candidates)
    padded.set_weights(ragged.get_weights())
    np.testing.assert_allclose(padded(events, valid, candidates), ragged(alone, candidates), atol=2e-5)


def _pair(history, candidates):
    ragged = DIN(hidden_units=6, num_heads=2)
    ragged.build((None, None, DIM), (None, DIM))
    disturb(ragged)
    return ragged, PaddedDIN(hidden_units=6, num_heads=2)
