import numpy as np
import tensorflow as tf

from benchmarks.padded.sdim import PaddedSDIM
from mos_tf.encoders import SDIM
from mos_tf.ragged import Rows
from tests.support.sequence_layers import DIM, Case, disturb


def test_padded_sdim_gives_the_ragged_ones_numbers_with_its_weights():
    case = Case.random((3, 0, 70, 12), (1, 1, 1, 1)).inputs()
    history, candidates = case["history"], case["candidates"].flat_values
    arguments = history.to_tensor(), tf.sequence_mask(history.row_lengths()), candidates
    _check(history, candidates, arguments)


def test_a_mask_with_gaps_gives_what_the_masked_events_alone_give():
    rng = np.random.default_rng(0)
    events = tf.constant(rng.normal(size=(1, 6, DIM)), tf.float32)
    valid = tf.constant([[True, False, True, True, False, False]])
    candidates = tf.constant(rng.normal(size=(1, DIM)), tf.float32)
    _check(Rows(events[valid], tf.constant([0, 3], tf.int64)), candidates, (events, valid, candidates))


def _check(history, candidates, arguments):
    ragged = SDIM(num_hashes=12, signature_bits=2)
    ragged.build((None, None, DIM), (None, DIM))
    disturb(ragged)
    padded = PaddedSDIM(num_hashes=12, signature_bits=2)
    padded(*arguments)
    padded.set_weights(ragged.get_weights())
    np.testing.assert_allclose(padded(*arguments), ragged(history, candidates), atol=2e-5)
