import numpy as np
import pytest
import tensorflow as tf

from mos_tf.encoders import DIN, SequenceEncoder
from mos_tf.ragged import Rows
from tests.support import oracles
from tests.support.on_jax import check_on_jax
from tests.support.sequence_layers import DIM, check_sequence_layer


def test_din_holds_what_every_sequence_layer_promises(tmp_path):
    check_sequence_layer(lambda: DIN(hidden_units=6, num_heads=2), tmp_path, oracle=oracles.din)


@pytest.mark.slow
def test_din_gives_the_same_on_jax(tmp_path):
    check_on_jax(lambda: DIN(hidden_units=6, num_heads=2), tmp_path)


def test_an_empty_history_gives_the_null_value_and_full_null_weight():
    layer = DIN(num_heads=2)
    layer.build((None, None, DIM), (None, None, DIM))
    layer.null_value.assign(np.arange(DIM))
    history = Rows(tf.zeros([0, DIM]), tf.constant([0, 0], tf.int64))
    encoded = layer.encode(history, tf.ones([1, DIM]), tf.constant([0], tf.int64))
    np.testing.assert_allclose(encoded.vectors[0], np.arange(DIM))
    np.testing.assert_allclose(encoded.evidence[0], [0.0, 0.0, 1.0, 1.0])


def test_evidence_grows_with_the_number_of_matching_events():
    """What softmax normalises away: one event and many give the same vector, but not the same evidence."""
    layer = DIN(num_heads=2)
    layer.build((None, None, DIM), (None, None, DIM))
    layer.recency_slope.assign([0.0, 0.0])
    event = np.random.default_rng(0).normal(size=(1, DIM)).astype(np.float32)
    few, many = (
        layer.encode(
            Rows(tf.constant(np.repeat(event, n, axis=0)), tf.constant([0, n], tf.int64)),
            tf.constant(event),
            tf.constant([0], tf.int64),
        )
        for n in (1, 50)
    )
    assert np.all(many.evidence[0, :2] > few.evidence[0, :2])


def test_heads_must_divide_the_output():
    with pytest.raises(ValueError, match=r"output_dim=9, num_heads=4"):
        DIN(output_dim=9).build((None, None, DIM), (None, None, DIM))


def test_an_encoder_without_encode_says_what_to_write():
    encoder = SequenceEncoder()
    with pytest.raises(NotImplementedError, match="must define encode"):
        encoder.encode(
            Rows(tf.zeros([0, DIM]), tf.constant([0], tf.int64)), tf.zeros([0, DIM]), tf.zeros([0], tf.int64)
        )
