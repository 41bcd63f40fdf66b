import numpy as np
import tensorflow as tf

from benchmarks.padded.transact import PaddedTransAct
from mos_tf.encoders.transact import TransAct
from tests.support.sequence_layers import DIM, Case


def test_padded_and_ragged_transact_give_the_same_vectors():
    case = Case.random((3, 0, 70, 12), (1, 1, 1, 1)).inputs()
    history, candidates = case["history"], case["candidates"].flat_values
    padded_inputs = [history.to_tensor(), tf.sequence_mask(history.row_lengths()), candidates]
    ragged, padded = TransAct(max_events=None, num_heads=2), PaddedTransAct(num_heads=2, output_dim=DIM)
    ragged(history, candidates)
    for weight in ragged.weights:
        weight.assign_add(np.random.default_rng(1).normal(scale=0.3, size=weight.shape).astype(np.float32))
    padded(*padded_inputs)
    padded.copy_weights(ragged)
    np.testing.assert_allclose(ragged(history, candidates), padded(*padded_inputs), atol=2e-5)
