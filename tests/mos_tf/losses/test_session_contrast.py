import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.losses import session_contrast


def oracle(embeddings, positives, tokens, temperature) -> float:
    """Pair by pair."""

    def score(i, j):
        a, b = embeddings[i].astype(np.float64), embeddings[j].astype(np.float64)
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b) / temperature

    losses = []
    for i, j in enumerate(positives):
        if j >= 0:
            negatives = [score(i, k) for k in range(len(tokens)) if tokens[k] not in (tokens[i], tokens[j])]
            losses.append(np.logaddexp.reduce([score(i, j), *negatives]) - score(i, j))
    return float(np.mean(losses)) if losses else 0.0


@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0.05, 2))
def test_it_is_info_nce_pair_by_pair(size, seed, temperature):
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(size, 4)).astype(np.float32)
    positives, tokens = rng.integers(-1, size, size), rng.integers(0, 5, size)
    np.testing.assert_allclose(
        session_contrast(embeddings, positives, tokens, temperature),
        oracle(embeddings, positives, tokens, temperature),
        rtol=1e-4,
        atol=1e-5,
    )


def test_equal_embeddings_cost_the_log_of_their_number_and_the_same_tokens_do_not_count():
    # Of events 2 to 5, event 2 repeats the anchor's and event 3 the neighbour's token: two negatives are left.
    loss = session_contrast(np.ones([6, 3]), positives=[1, -1, -1, -1, -1, -1], tokens=[7, 8, 7, 8, 9, 9])
    assert float(loss) == pytest.approx(np.log(3), abs=1e-6)


def test_events_of_the_anchors_own_token_get_no_gradient():
    embeddings = tf.constant([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6], [0.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        loss = session_contrast(embeddings, [1, -1, -1, -1], tokens=[1, 2, 1, 3])
    gradient = tape.gradient(loss, embeddings).numpy()
    assert (gradient[2] == 0).all()
    assert (np.abs(gradient[[0, 1, 3]]).max(axis=1) > 0).all()


def test_the_order_of_the_events_does_not_matter():
    rng = np.random.default_rng(0)
    embeddings, tokens = rng.normal(size=(9, 4)), rng.integers(0, 6, 9)
    positives = np.array([1, 0, 3, 2, 5, 4, 7, 6, -1])
    order = rng.permutation(9)
    place = np.argsort(order)
    moved = np.where(positives[order] < 0, -1, place[positives[order]])
    assert float(session_contrast(embeddings[order], moved, tokens[order])) == pytest.approx(
        float(session_contrast(embeddings, positives, tokens)), rel=1e-5
    )


@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e4])
def test_gradients_are_finite_at_any_length_and_low_temperature(scale):
    embeddings = tf.constant(np.random.default_rng(0).normal(size=(6, 4)) * scale, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        loss = session_contrast(embeddings, [1, 0, 3, 2, -1, -1], tokens=[0, 1, 2, 3, 4, 5], temperature=0.005)
    assert np.isfinite(float(loss))
    assert np.isfinite(tape.gradient(loss, embeddings)).all()


def test_half_precision_gives_a_float32_loss():
    embeddings = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float16) * 100
    arguments = [1, 0, 3, 2, -1, -1], [0, 1, 2, 3, 4, 5]
    loss = session_contrast(embeddings, *arguments)
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, oracle(embeddings, *arguments, 0.15), rtol=1e-5)


@pytest.mark.parametrize("size", [0, 3])
def test_no_neighbour_costs_nothing(size):
    embeddings = tf.ones([size, 2])
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        loss = session_contrast(embeddings, tf.fill([size], -1), tf.zeros([size], tf.int64))
    assert float(loss) == 0.0
    np.testing.assert_array_equal(tape.gradient(loss, embeddings), np.zeros([size, 2]))


def test_a_temperature_of_0_is_refused():
    with pytest.raises(ValueError, match="temperature must be above 0. Received: temperature=0"):
        session_contrast([[1.0]], [-1], [0], temperature=0)
