"""What routers have in common, and how they learn."""

import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import normalized_mutual_info_score

from mos_tf.errors import DataError
from mos_tf.layers import EmbeddingRouter, ThemeRouter
from mos_tf.layers.router import unit
from mos_tf.layers.sessions import session_numbers
from mos_tf.ragged import Rows
from tests.support.on_jax import run_on_jax

THEMES, TOKENS = 6, 60


def hard_sessions(events: int = 12_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sessions of 2 to 9 events, each of one true theme: token // 10."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 10, events // 5)
    theme = rng.integers(0, THEMES, len(lengths))
    sessions = np.repeat(np.arange(len(lengths)), lengths)
    return sessions, theme[sessions] * 10 + rng.integers(0, 10, len(sessions))


def agreement(router: ThemeRouter) -> float:
    themes = np.asarray(router(tf.range(TOKENS)))[:, 0]
    return normalized_mutual_info_score(np.arange(TOKENS) // 10, themes)


@pytest.mark.parametrize("start", ["co_occurrence", "random"])
def test_both_starts_find_the_true_themes_of_pure_sessions(start):
    router = ThemeRouter(TOKENS + 1, THEMES, routing_dim=8)
    router.adapt(*hard_sessions(), start=start)
    assert agreement(router) == pytest.approx(1.0)
    assert len(set(np.asarray(router(tf.range(TOKENS)))[:, 0])) == THEMES


def test_a_random_start_is_repeatable_and_needs_neighbours():
    adapted = []
    for _ in range(2):
        router = ThemeRouter(TOKENS + 1, THEMES, routing_dim=8)
        router.adapt(*hard_sessions(), start="random")
        adapted.append(np.asarray(router.embeddings))
    np.testing.assert_allclose(*adapted, atol=1e-4)
    with pytest.raises(DataError, match="neighbours in a session"):
        ThemeRouter(5, 2).adapt(np.array([0, 1]), np.array([1, 1]), start="random")
    with pytest.raises(ValueError, match="start must be"):
        ThemeRouter(5, 2).adapt(np.array([0, 0]), np.array([1, 2]), start="warm")


def train(router: keras.layers.Layer, steps: int, seed: int = 1) -> None:
    """Feeds a learning router sessions, as a mixture does in each training step."""
    optimizer = keras.optimizers.Adam(0.02)
    sessions, tokens = hard_sessions(seed=seed)
    variables = [v for v in router.trainable_variables]
    optimizer.build(variables)

    @tf.function
    def step(tokens, sessions):
        with tf.GradientTape() as tape:
            router.learn_from(tokens, sessions)
            loss = tf.add_n(router.losses)
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        router._clear_losses()

    starts = np.random.default_rng(seed).integers(0, len(tokens) - 600, steps)
    for start in starts:
        step(tf.constant(tokens[start : start + 600]), tf.constant(sessions[start : start + 600]))


def test_a_router_that_learns_on_keeps_the_themes_it_has():
    router = ThemeRouter(TOKENS + 1, THEMES, routing_dim=8, learn=True)
    router.adapt(*hard_sessions())
    train(router, 30)
    assert agreement(router) == pytest.approx(1.0)


@pytest.mark.slow
def test_a_router_that_learns_gives_a_home_to_tokens_that_adapt_never_saw():
    sessions, tokens = hard_sessions()
    seen = tokens % 10 != 0  # the first token of each theme is new
    router = ThemeRouter(TOKENS + 1, THEMES, routing_dim=8, learn=True)
    router.adapt(sessions[seen], tokens[seen])
    train(router, 400)
    assert agreement(router) > 0.95


def test_unknown_tokens_have_no_theme_whether_frozen_or_learning():
    for learn in (False, True):
        router = ThemeRouter(TOKENS + 1, (2, THEMES), routing_dim=8, learn=learn)
        router.adapt(*hard_sessions())
        assert np.asarray(router(tf.constant([TOKENS]))).tolist() == [[2, THEMES]]


def test_a_learning_router_survives_saving(tmp_path):
    router = ThemeRouter(TOKENS + 1, THEMES, routing_dim=8, learn=True)
    router.adapt(*hard_sessions())
    tokens = keras.Input((), dtype="int64")
    model = keras.Model(tokens, router(tokens))
    model.save(tmp_path / "router.keras")
    again = keras.saving.load_model(tmp_path / "router.keras")
    np.testing.assert_array_equal(again(tf.range(TOKENS + 1)), router(tf.range(TOKENS + 1)))


def test_dead_codes_start_again_at_an_event_and_living_ones_stay():
    router = EmbeddingRouter(2, routing_dim=2, session_weight=0.0)
    router.build((None, 2))
    router.projection.assign(np.eye(2))
    router.codebooks[0].assign([[1.0, 0.0], [-1.0, 0.0]])
    router.loads[0].assign([0.96, 0.04])  # 0.04 < 0.1 / 2
    router.learn_from(tf.constant([[1.0, 0.0], [0.8, 0.6]]))
    codes = np.asarray(router.codebooks[0])
    np.testing.assert_allclose(codes[0], [1.0, 0.0])
    assert min(np.abs(codes[1] - event).max() for event in ([1.0, 0.0], [0.8, 0.6])) < 1e-6
    np.testing.assert_allclose(router.loads[0], [0.99 * 0.96 + 0.01, 0.5], rtol=1e-5)


def test_the_codebook_loss_is_the_distance_to_the_nearest_code():
    router = EmbeddingRouter(2, routing_dim=2, codebook_weight=1.0, session_weight=0.0)
    router.build((None, 2))
    router.projection.assign(np.eye(2))
    router.codebooks[0].assign([[2.0, 0.0], [0.0, 3.0]])  # of any length: only their direction counts
    router.learn_from(tf.constant([[0.6, 0.8], [5.0, 0.0], [0.0, 0.0]]))
    distance = (0.6**2 + 0.2**2) / 3  # the second lies on its code, the third has no theme
    np.testing.assert_allclose(router.losses[0], 1.25 * distance, rtol=1e-5)


def test_the_balance_loss_is_asked_for():
    plain, balanced = (
        EmbeddingRouter(2, routing_dim=2, session_weight=0.0, balance_weight=weight) for weight in (0.0, 1.0)
    )
    for router in (plain, balanced):
        router.build((None, 2))
        router.learn_from(tf.constant([[0.6, 0.8], [5.0, 0.0]]))
    assert float(balanced.losses[0]) > float(plain.losses[0])


def test_a_session_loss_without_sessions_is_refused():
    router = EmbeddingRouter(2, routing_dim=2)
    router.build((None, 2))
    with pytest.raises(ValueError, match="needs sessions. Received: sessions=None; .*history_time.*session_weight=0"):
        router.learn_from(tf.ones([3, 2]))
    assert not router.losses


@pytest.mark.parametrize("num_themes", [0, -1, (), (8, 8), (2, 0), 2.0, (2.0, 4), "8", True])
def test_resolutions_that_are_no_distinct_numbers_of_themes_are_refused(num_themes):
    for make in (lambda: ThemeRouter(5, num_themes), lambda: EmbeddingRouter(num_themes)):
        with pytest.raises(ValueError, match="distinct integers of at least 1. Received: num_themes="):
            make()


def test_resolutions_are_numpy_integers_too():
    assert EmbeddingRouter(np.int64(4)).get_config()["num_themes"] == [4]
    assert EmbeddingRouter(np.array([8, 2])).num_themes == (2, 8)


def planted(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors [300, 16] around six directions, and the direction of each."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, THEMES, 300)
    return rng.normal(size=(THEMES, 16))[cluster] + 0.1 * rng.normal(size=(300, 16)), cluster


@pytest.mark.parametrize("learn", [True, False])
def test_planted_clusters_are_the_themes_of_an_adapted_embedding_router(learn):
    vectors, cluster = planted()
    router = EmbeddingRouter((THEMES, 8), routing_dim=12, learn=learn)
    router.adapt(vectors)
    themes = np.asarray(router(tf.constant(vectors, tf.float32)))[:, 0]
    assert normalized_mutual_info_score(cluster, themes) == pytest.approx(1.0)
    again = EmbeddingRouter((THEMES, 8), routing_dim=12, learn=learn)
    again.adapt(vectors)
    for found, expected in zip(again.codebooks, router.codebooks, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_frozen_embedding_router_never_moves():
    vectors, _ = planted()
    router = EmbeddingRouter(THEMES, learn=False)
    router.adapt(vectors)
    before = [np.asarray(weight) for weight in router.weights]
    router.learn_from(tf.constant(vectors, tf.float32))
    assert not router.losses and not router.trainable_weights
    for weight, was in zip(router.weights, before, strict=True):
        np.testing.assert_array_equal(weight, was)


def test_a_frozen_embedding_router_routes_once_it_is_adapted_and_after_saving(tmp_path):
    vectors, _ = planted()
    router = EmbeddingRouter(THEMES, learn=False)
    inputs = keras.Input((16,))
    assert not router.adapted and EmbeddingRouter(THEMES).adapted
    with pytest.raises(ValueError, match="themes are not adapted"):
        router(tf.constant(vectors, tf.float32))
    router.adapt(vectors)
    keras.Model(inputs, router(inputs)).save(tmp_path / "router.keras")
    again = keras.saving.load_model(tmp_path / "router.keras")
    np.testing.assert_array_equal(again(vectors), router(tf.constant(vectors, tf.float32)))


@pytest.mark.parametrize(
    ("vectors", "received"),
    [
        (np.zeros(4), r"shape \[4\]"),
        (np.full((4, 2), np.nan), "8 values not finite"),
        (np.array([["a"]]), "dtype <U1"),
        (np.ones((4, 3)), r"shape \[4, 3\]"),
    ],
)
def test_themes_are_found_in_finite_vectors_of_the_router_s_width(vectors, received):
    router = EmbeddingRouter(2)
    router.build((None, 2))
    with pytest.raises(DataError, match=f"Received: .*{received}"):
        router.adapt(vectors)


def test_more_themes_than_distinct_vectors_are_refused():
    with pytest.raises(DataError, match="Received: 1 distinct embeddings of 4 .*num_themes=2"):
        EmbeddingRouter(2).adapt(np.ones((4, 3)))


def test_routers_say_whether_they_route_tokens():
    assert ThemeRouter(5, 2).routes_tokens and not EmbeddingRouter(2).routes_tokens


def test_zero_vectors_stay_zero_and_have_no_gradient():
    vectors = tf.constant([[3.0, 4.0], [0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        scaled = unit(vectors)
        total = tf.reduce_sum(scaled * tf.constant([[1.0, 0.0], [1.0, 2.0]]))
    np.testing.assert_allclose(scaled, [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(total, vectors), [[0.128, -0.096], [0.0, 0.0]], atol=1e-6)


def test_sessions_end_with_their_row_their_id_or_a_pause():
    history = Rows(tf.zeros([5]), tf.constant([0, 3, 3, 5], tf.int64))
    ids = session_numbers(history, sessions=tf.constant([7, 7, 9, 9, 9]))
    assert ids.numpy().tolist() == [0, 0, 1, 2, 2]
    pauses = session_numbers(history, time=tf.constant([500, 300, 10, 90, 5]), gap=200)
    assert pauses.numpy().tolist() == [0, 0, 1, 2, 2]
    nothing = Rows(tf.zeros([0]), tf.constant([0, 0], tf.int64))
    assert session_numbers(nothing, time=tf.zeros([0], tf.int64)).shape == (0,)


def learned() -> dict[str, np.ndarray]:
    """What one step teaches a router, on whichever backend this process has."""
    router = EmbeddingRouter(2, routing_dim=2)
    router.adapt(np.array([[1.0, 0.0], [0.0, 1.0], [0.1, 0.9]]))
    router.learn_from(keras.ops.array([[1.0, 0.2], [0.8, 0.6], [0.0, 1.0]]), keras.ops.array([0, 0, 1]))
    return {"codebook_loss": np.asarray(router.losses[0]), "load": np.asarray(router.loads[0])}


@pytest.mark.slow
def test_a_router_learns_on_jax_what_it_learns_on_tensorflow(tmp_path):
    run_on_jax("tests.mos_tf.layers.test_routers", str(tmp_path / "jax.npz"))
    on_jax = np.load(tmp_path / "jax.npz")
    for name, value in learned().items():
        np.testing.assert_allclose(on_jax[name], value, atol=1e-6, err_msg=name)


if __name__ == "__main__":
    np.savez(sys.argv[1], **learned())  # type: ignore[arg-type]
