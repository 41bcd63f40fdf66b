"""The padded encoders compute what the ragged ones do, or the benchmark would compare two different things."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.padded.din import PaddedDIN
from benchmarks.padded.hstu import PaddedHSTU
from benchmarks.padded.mamba4rec import PaddedMamba4Rec
from benchmarks.padded.sdim import PaddedSDIM
from benchmarks.padded.transact import PaddedTransAct
from benchmarks.padded.twin import PaddedTWIN
from mos_tf.encoders import DIN, HSTU, SDIM, TWIN, Mamba4Rec, TransAct
from mos_tf.ragged import Rows
from tests.support.sequence_layers import DIM, Case, disturbed

PAIRS = {
    "DIN": (lambda: DIN(hidden_units=6, num_heads=2), lambda: PaddedDIN(hidden_units=6, num_heads=2)),
    "SDIM": (lambda: SDIM(12, signature_bits=2), lambda: PaddedSDIM(12, signature_bits=2)),
    "TWIN": (lambda: TWIN(num_selected=5, num_heads=2), lambda: PaddedTWIN(num_selected=5, num_heads=2)),
    "TransAct": (
        lambda: TransAct(max_events=None, num_heads=2),
        lambda: PaddedTransAct(num_heads=2, output_dim=DIM),
    ),
    "HSTU": (lambda: HSTU(num_heads=2), lambda: PaddedHSTU(dim=DIM, num_heads=2)),
    "Mamba4Rec": (lambda: Mamba4Rec(1, state_dim=3), lambda: PaddedMamba4Rec(1, state_dim=3)),
    "Mamba4Rec of two layers": (lambda: Mamba4Rec(2, state_dim=3), lambda: PaddedMamba4Rec(2, state_dim=3)),
}
ANY_MASK = ("DIN", "SDIM", "TWIN")


@pytest.mark.parametrize("name", PAIRS)
def test_a_padded_encoder_gives_the_ragged_ones_numbers_with_its_weights(name):
    case = Case.random((3, 0, 70, 12), (1, 1, 1, 1)).inputs()
    history, candidates = case["history"], case["candidates"].flat_values
    ragged, padded = with_the_same_weights(name)
    valid = tf.sequence_mask(history.row_lengths())
    np.testing.assert_allclose(padded(history.to_tensor(), valid, candidates), ragged(history, candidates), atol=2e-5)


def test_padded_hstu_reads_the_time_as_the_ragged_one_does():
    case = Case.random((3, 0, 70, 12), (1, 1, 1, 1)).inputs()
    history, candidates, time = case["history"], case["candidates"].flat_values, case["history_time"]
    ragged, padded = with_the_same_weights("HSTU")
    valid, seconds = tf.sequence_mask(history.row_lengths()), tf.cast(time.to_tensor(), tf.int32)
    expected = ragged(history, candidates, history_time=time)
    np.testing.assert_allclose(padded(history.to_tensor(), valid, candidates, seconds), expected, atol=2e-5)


@pytest.mark.parametrize("name", ANY_MASK)
def test_a_mask_with_gaps_gives_what_the_masked_events_alone_give(name):
    rng = np.random.default_rng(0)
    events = tf.constant(rng.normal(size=(1, 6, DIM)), tf.float32)
    valid = tf.constant([[True, False, True, True, False, False]])
    candidates = tf.constant(rng.normal(size=(1, DIM)), tf.float32)
    ragged, padded = with_the_same_weights(name)
    alone = ragged(Rows(events[valid], tf.constant([0, 3], tf.int64)), candidates)
    np.testing.assert_allclose(padded(events, valid, candidates), alone, atol=2e-5)


def with_the_same_weights(name):
    make_ragged, make_padded = PAIRS[name]
    ragged, padded = disturbed(make_ragged()), make_padded()
    padded(tf.zeros([1, 2, DIM]), tf.constant([[True, False]]), tf.zeros([1, DIM]))
    if hasattr(padded, "copy_weights"):
        padded.copy_weights(ragged)
    else:
        padded.set_weights([np.asarray(weight) for weight in ragged.weights if weight.name != "age_slope"])
    return ragged, padded
