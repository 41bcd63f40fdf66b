import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.padded.mamba4rec import PaddedMamba4Rec
from mos_tf.encoders.mamba4rec import Mamba4Rec


@pytest.mark.parametrize("num_layers", [1, 2])
def test_padded_mamba4rec_gives_the_ragged_ones_numbers_with_its_weights(num_layers):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    history = tf.RaggedTensor.from_row_lengths(rng.normal(size=(44, 6)).astype("float32"), [3, 0, 40, 1])
    candidates = tf.constant(rng.normal(size=(4, 6)).astype("float32"))
    ragged, padded = Mamba4Rec(num_layers, state_dim=3), PaddedMamba4Rec(num_layers, state_dim=3)
    ragged(history, candidates)
    arguments = history.to_tensor(), tf.sequence_mask(history.row_lengths()), candidates
    padded(*arguments)
    for weight in ragged.weights:
        weight.assign_add(rng.normal(scale=0.3, size=weight.shape).astype("float32"))
    padded.set_weights(ragged.get_weights())
    np.testing.assert_allclose(padded(*arguments), ragged(history, candidates), atol=1e-5)
