import numpy as np
import pytest
import tensorflow as tf

from mos_tf.losses import codebook_loss, commitment_loss, vq_loss

EMBEDDINGS, CODES = [[0.0, 0.0], [1.0, 1.0]], [[3.0, 4.0], [1.0, 2.0]]  # squared distances 25 and 1


def gradients(loss):
    embeddings, codes = tf.constant(EMBEDDINGS), tf.constant(CODES)
    with tf.GradientTape() as tape:
        tape.watch([embeddings, codes])
        value = loss(embeddings, codes)
    return tape.gradient(value, [embeddings, codes])


def test_both_losses_are_the_mean_squared_distance():
    assert float(codebook_loss(EMBEDDINGS, CODES)) == 13.0
    assert float(commitment_loss(EMBEDDINGS, CODES)) == 13.0


def test_the_codebook_loss_moves_codes_alone_and_the_commitment_loss_embeddings_alone():
    toward = np.array([[3, 4], [0, 1]])  # codes − embeddings; 2/N = 1 of it
    still, moved = gradients(codebook_loss)
    assert still is None
    np.testing.assert_allclose(moved, toward)
    moved, still = gradients(commitment_loss)
    np.testing.assert_allclose(moved, -toward)
    assert still is None


def test_beta_weighs_the_commitment():
    assert float(vq_loss(EMBEDDINGS, CODES)) == 13 * 1.25
    embeddings, codes = gradients(lambda r, w: vq_loss(r, w, beta=0.5))
    np.testing.assert_allclose(embeddings, -0.5 * np.asarray(codes))


def test_codes_taken_from_a_codebook_pass_their_gradient_on():
    codebook = tf.Variable([[3.0, 4.0], [9.0, 9.0]])
    with tf.GradientTape() as tape:
        loss = codebook_loss(tf.zeros([2, 2]), tf.gather(codebook, [0, 0]))
    np.testing.assert_allclose(tf.convert_to_tensor(tape.gradient(loss, codebook)), [[6, 8], [0, 0]])


def test_half_precision_does_not_overflow():
    far = np.full([4, 2], 300, np.float16)
    loss = vq_loss(far, -far)
    assert loss.dtype == tf.float32
    assert float(loss) == 2 * 600**2 * 1.25


def test_batches_recombine_by_their_size():
    rng = np.random.default_rng(0)
    embeddings, codes = rng.normal(size=(2, 20, 3))
    parts = [float(vq_loss(embeddings[p], codes[p])) for p in (slice(0, 5), slice(5, 20))]
    assert float(vq_loss(embeddings, codes)) == pytest.approx((5 * parts[0] + 15 * parts[1]) / 20, rel=1e-5)


def test_no_embedding_costs_nothing():
    embeddings = tf.zeros([0, 4])
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        loss = vq_loss(embeddings, tf.zeros([0, 4]))
    assert float(loss) == 0.0
    assert tape.gradient(loss, embeddings).shape == (0, 4)
