import numpy as np
import pytest
import tensorflow as tf

from benchmarks.padded.hstu import PaddedHSTU
from mos_tf.encoders.hstu import HSTU
from tests.support.sequence_layers import DIM, Case


@pytest.mark.parametrize("with_time", [True, False])
def test_padded_and_ragged_hstu_give_the_same_vectors(with_time):
    case = Case.random((3, 0, 70, 12), (1, 1, 1, 1)).inputs()
    history, candidates = case["history"], case["candidates"].flat_values
    padded_inputs = [history.to_tensor(), tf.sequence_mask(history.row_lengths()), candidates]
    time = None
    if with_time:
        time = case["history_time"]
        padded_inputs.append(tf.cast(time.to_tensor(), tf.int32))
    ragged, padded = HSTU(num_heads=2), PaddedHSTU(dim=DIM, num_heads=2)
    ragged(history, candidates)
    for weight in ragged.weights:
        weight.assign_add(np.random.default_rng(1).normal(scale=0.3, size=weight.shape).astype(np.float32))
    padded(*padded_inputs)
    padded.copy_weights(ragged)
    np.testing.assert_allclose(ragged(history, candidates, history_time=time), padded(*padded_inputs), atol=2e-5)
