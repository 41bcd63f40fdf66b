import keras
import numpy as np
import pytest
import tensorflow as tf

from mos_tf import ThemeRouter
from mos_tf.errors import DataError


def adapted(num_themes=(2, 3)) -> ThemeRouter:
    router = ThemeRouter(num_tokens=7, num_themes=num_themes, routing_dim=6)
    router.adapt(np.array([0, 0, 1, 1, 2, 2, 3, 3]), np.array([0, 1, 2, 3, 4, 5, 0, 1]))
    return router


def test_routing_is_the_nearest_codebook_vector_by_cosine():
    router = adapted()
    themes = router(tf.range(7)).numpy()
    for column, weight in enumerate(router.codebooks):
        cosine = np.asarray(router.embeddings) @ np.asarray(weight).T
        np.testing.assert_array_equal(themes[:6, column], cosine[:6].argmax(axis=1))
        assert themes[6, column] == router.num_themes[column]  # out of vocabulary: no theme


def test_ragged_tokens_keep_their_rows():
    tokens = tf.ragged.constant([[0, 5], [], [6]], dtype=tf.int64)
    themes = adapted()(tokens)
    assert themes.shape.as_list() == [3, None, 2]
    assert themes.row_lengths().numpy().tolist() == [2, 0, 1]


def test_adapting_again_on_the_same_sessions_gives_the_same_themes():
    np.testing.assert_array_equal(adapted().table, adapted().table)


def test_the_out_of_vocabulary_token_never_makes_a_theme():
    router = ThemeRouter(num_tokens=5, num_themes=2, routing_dim=2)
    router.adapt(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 1, 4, 2, 3, 4]))
    assert not np.any(router.embeddings[4])


def test_sessions_without_a_pair_of_tokens_are_refused():
    router = ThemeRouter(num_tokens=5, num_themes=2)
    with pytest.raises(DataError, match="no session of which has two tokens"):
        router.adapt(np.array([0, 1, 2]), np.array([0, 1, 2]))


def test_themes_survive_saving(tmp_path):
    tokens = keras.Input((None,), dtype="int64", ragged=True)
    model = keras.Model(tokens, adapted()(tokens))
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    batch = tf.ragged.constant([[0, 1, 2], [6]], dtype=tf.int64)
    np.testing.assert_array_equal(reloaded(batch).flat_values, model(batch).flat_values)


def test_themes_that_were_given_survive_saving(tmp_path):
    router = ThemeRouter(num_tokens=4, num_themes=2)
    router.frozen_table.assign([[0], [1], [0], [2]])  # themes of one's own, without embeddings
    router.adapted = True
    tokens = keras.Input((None,), dtype="int64", ragged=True)
    keras.Model(tokens, router(tokens)).save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    assert reloaded(tf.ragged.constant([[0, 1, 3]], dtype=tf.int64)).flat_values.numpy().tolist() == [[0], [1], [2]]


@pytest.mark.parametrize(
    ("sessions", "tokens", "received"),
    [
        ([0, 0, 1], [0, 1], r"sessions int64 \[3\], tokens int64 \[2\]"),
        ([[0, 0]], [[0, 1]], r"sessions int64 \[1, 2\]"),
        ([0, 0], [0.0, 1.0], r"tokens float64 \[2\]"),
        ([0, 0], ["a", "b"], r"tokens <U1 \[2\]"),
        ([0.5, 0.5], [0, 1], r"sessions float64 \[2\]"),
        ([0, 0, 0], [0, 1, 5], "tokens from 0 to 5, num_tokens=5"),
        ([0, 0, 0], [0, 1, -1], "tokens from -1 to 1, num_tokens=5"),
    ],
)
@pytest.mark.parametrize("start", ["co_occurrence", "random"])
def test_events_that_are_no_sessions_and_tokens_are_refused(sessions, tokens, received, start):
    with pytest.raises(DataError, match=f"Received: .*{received}"):
        ThemeRouter(num_tokens=5, num_themes=2).adapt(np.array(sessions), np.array(tokens), start=start)


def test_unsigned_tokens_are_tokens():
    router = ThemeRouter(num_tokens=7, num_themes=(2, 3), routing_dim=6)
    sessions, tokens = np.array([0, 0, 1, 1, 2, 2, 3, 3]), np.array([0, 1, 2, 3, 4, 5, 0, 1])
    router.adapt(sessions.astype(np.uint64), tokens.astype(np.uint64))
    np.testing.assert_array_equal(router.table, adapted().table)


def test_tokens_that_are_no_integers_are_refused_where_they_are_routed():
    router, message = adapted(), "tokens are integers. Received: float32"
    with pytest.raises(ValueError, match=message):
        router(tf.constant([0.0, 1.0]))
    with pytest.raises(ValueError, match=message):
        router.session_themes(tf.constant([0.0, 1.0]), tf.constant([0, 0]))
    with pytest.raises(ValueError, match=message):
        router(keras.Input((None,), dtype="float32", ragged=True))


@pytest.mark.parametrize("num_tokens", [0, 1])
def test_a_router_has_a_token_beside_the_unknown_one(num_tokens):
    with pytest.raises(ValueError, match=f"Received: num_tokens={num_tokens}"):
        ThemeRouter(num_tokens)
