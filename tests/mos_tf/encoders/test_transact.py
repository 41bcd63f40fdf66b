import keras
import numpy as np
import pytest
import tensorflow as tf

from mos_tf.encoders.transact import TransAct
from mos_tf.ragged import Rows
from mos_tf.ragged.tile_attention import MOST_EVENTS
from tests.support.on_jax import check_on_jax
from tests.support.oracles_transact import transact
from tests.support.sequence_layers import DIM, Case, call, check_sequence_layer, disturbed


def small(**changes) -> TransAct:
    return TransAct(**{"num_heads": 2, "feed_forward": 6, "num_recent": 3, **changes})


def test_transact_holds_what_every_sequence_layer_promises(tmp_path):
    check_sequence_layer(small, tmp_path, oracle=transact)


@pytest.mark.slow
def test_transact_gives_the_same_on_jax(tmp_path):
    check_on_jax(small, tmp_path)


@pytest.mark.parametrize("max_events", [None, 100, 5])
def test_transact_equals_its_equations_candidate_by_candidate(max_events):
    keras.utils.set_random_seed(0)
    case = Case.random((3, 0, 130, 1), (2, 3, 1, 1))
    layer = disturbed(small(max_events=max_events))
    vectors = call(layer, case.inputs())
    for row in range(4):
        expected = transact(layer, case.history[row], case.candidates[row])
        np.testing.assert_allclose(vectors[row], expected.reshape(-1, DIM), atol=2e-5)


def test_only_the_window_of_recent_events_counts():
    case = Case.random((9, 4), (1, 1))
    layer = disturbed(small(max_events=4))
    windowed = Case.random((9, 4), (1, 1)).history
    cut = Case([windowed[0][-4:], windowed[1]], case.candidates, [s[-4:] for s in case.seconds], [], [])
    np.testing.assert_allclose(call(layer, case.inputs()).flat_values, call(layer, cut.inputs()).flat_values, atol=1e-6)


def test_an_empty_history_gives_the_null_vector():
    layer = small()
    layer.build((None, None, DIM), (None, None, DIM))
    layer.null_vector.assign(np.arange(DIM))
    history = Rows(tf.zeros([0, DIM]), tf.constant([0, 0], tf.int64))
    encoded = layer.encode(history, tf.ones([1, DIM]), tf.constant([0], tf.int64))
    np.testing.assert_array_equal(encoded.vectors[0], np.arange(DIM))


def test_the_vector_is_evidence_too_whatever_its_width():
    for output_dim, width in ((None, DIM), (3, 3)):
        layer = disturbed(small(output_dim=output_dim))
        case = Case.random((4, 0), (2, 1))
        call(layer, case.inputs())
        history, candidates = (Rows.of(case.inputs()[name]) for name in ("history", "candidates"))
        encoded = layer.encode(history, candidates.values, candidates.ids)
        assert layer.evidence_dim == width
        np.testing.assert_array_equal(encoded.evidence, encoded.vectors)


def test_an_encoder_of_a_file_from_before_vectors_were_evidence_has_none():
    config = small().get_config()
    assert TransAct.from_config(config).vector_as_evidence
    del config["vector_as_evidence"]
    layer = TransAct.from_config(config)
    layer.build((None, None, DIM), (None, None, DIM))
    encoded = layer.encode(Rows(tf.ones([2, DIM]), tf.constant([0, 2], tf.int64)), tf.ones([1, DIM]))
    assert (layer.evidence_dim, encoded.evidence.shape) == (0, (1, 0))


def test_without_a_window_a_row_beyond_the_limit_is_refused():
    history = tf.RaggedTensor.from_row_lengths(tf.zeros([MOST_EVENTS + 1, 2]), [MOST_EVENTS + 1])
    layer = TransAct(max_events=None, feed_forward=2)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)Received:.*4097.*limit.*4096.*max_events"):
        layer(history, tf.zeros([1, 2]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="quadratic layer"):
        tf.function(layer)(history, tf.zeros([1, 2]))
    assert np.isfinite(TransAct()(history, tf.zeros([1, 2]))).all()


def test_a_window_beyond_the_limit_is_refused():
    with pytest.raises(ValueError, match="1 to 4096 events. Received: max_events=5000"):
        TransAct(max_events=5000)


def test_heads_must_divide_event_and_candidate():
    with pytest.raises(ValueError, match="width=16, num_heads=3"):
        TransAct(num_heads=3).build((None, None, DIM), (None, None, DIM))
