import numpy as np
import pytest
import tensorflow as tf

from mos_tf.flops import cost
from mos_tf.ragged import Rows
from mos_tf.study.mean_pooling import MeanPooling
from tests.support.sequence_layers import DIM, check_sequence_layer


def padded_means(layer, history, candidates, seconds):
    """The masked mean of one padded history, a copy for each of its candidates."""
    padded = np.pad(history, [(0, 100 - len(history)), (0, 0)], constant_values=7.0)
    seen = np.arange(100)[:, None] < len(history)
    return np.tile((padded * seen).sum(axis=0) / max(len(history), 1), (len(candidates), 1))


def test_mean_pooling_holds_what_every_sequence_layer_promises(tmp_path):
    check_sequence_layer(MeanPooling, tmp_path, oracle=padded_means)


def test_an_empty_history_gives_zeros_and_no_evidence():
    history = Rows(tf.ones([2, DIM]), tf.constant([0, 0, 2], tf.int64))
    encoded = MeanPooling().encode(history, tf.ones([3, DIM]), tf.constant([0, 1, 0], tf.int64))
    np.testing.assert_array_equal(encoded.vectors, np.repeat([[0.0], [1.0], [0.0]], DIM, axis=1))
    assert encoded.evidence.shape == (3, 0)


def test_every_event_learns_its_share_of_its_history():
    events = tf.ones([3, 1])
    with tf.GradientTape() as tape:
        tape.watch(events)
        history = Rows(events, tf.constant([0, 1, 3], tf.int64))
        outputs = MeanPooling().encode(history, tf.zeros([3, 1]), tf.constant([0, 1, 1], tf.int64)).vectors
    # The second history is of two events and seen by two candidates.
    np.testing.assert_allclose(tape.gradient(outputs, events), [[1.0], [1.0], [1.0]])


def test_a_mean_is_as_wide_as_its_events():
    with pytest.raises(ValueError, match="Received: output_dim=9 for events of 8; leave it out"):
        MeanPooling(output_dim=9).build((None, None, DIM), (None, None, DIM))


def test_a_mean_multiplies_nothing():
    layer = MeanPooling()
    layer.build((None, None, DIM), (None, None, DIM))
    spent = cost(layer, [10, 0], 3)
    assert (spent.total_multiply_adds, spent.total_parameters) == (0, 0)
