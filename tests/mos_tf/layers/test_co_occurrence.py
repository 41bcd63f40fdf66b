import numpy as np
import pytest
from scipy import sparse

from mos_tf.errors import DataError
from mos_tf.layers.co_occurrence import co_occurrence, codebook, nearest_theme, positive_pmi, token_embeddings


def test_each_session_gives_each_of_its_tokens_a_weight_of_one():
    # {0, 1, 2} weighs 1/2 a pair, {0, 1} (0 twice) weighs 1, {3} alone counts nothing.
    counts = co_occurrence(np.array([5, 5, 5, 9, 9, 9, 11]), np.array([0, 1, 2, 0, 0, 1, 3]), 4).toarray()
    expected = np.array([[0, 1.5, 0.5, 0], [1.5, 0, 0.5, 0], [0.5, 0.5, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(counts, expected)


def test_positive_pmi_equals_its_equation_entry_by_entry():
    counts = np.array([[0, 4.0, 0.5], [4.0, 0, 1.0], [0.5, 1.0, 0]])
    total, marginal = counts.sum(), counts.sum(axis=1) / counts.sum()
    smoothed = marginal**0.75 / (marginal**0.75).sum()
    expected = np.zeros((3, 3))
    for a, b in [(0, 1), (1, 0), (0, 2), (2, 0), (1, 2), (2, 1)]:
        information = np.log(counts[a, b] / total / (marginal[a] * smoothed[b]))
        expected[a, b] = max(0, information * counts[a, b] / (counts[a, b] + 0.3))
    np.testing.assert_allclose(positive_pmi(sparse.csr_matrix(counts)).toarray(), expected)


def test_tokens_of_the_same_sessions_get_the_same_theme():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(4), 10)
    themes = rng.integers(0, 4, 800)
    sessions = np.repeat(np.arange(800), 5)
    tokens = (themes[:, None] * 10 + rng.integers(0, 10, (800, 5))).ravel()
    embeddings = token_embeddings(positive_pmi(co_occurrence(sessions, tokens, 41)), 8, seed=0)
    found = nearest_theme(embeddings, codebook(embeddings, np.bincount(tokens, minlength=41), 4, seed=0))
    assert found[40] == 4  # never seen: no theme
    assert len({(t, f) for t, f in zip(truth, found, strict=False)}) == 4


def test_embeddings_have_unit_length_or_are_zero():
    counts = co_occurrence(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 2, 3]), 6)
    norms = np.linalg.norm(token_embeddings(positive_pmi(counts), 4, seed=0), axis=1)
    assert np.all(np.isclose(norms, 1, atol=1e-5) | (norms == 0))
    assert norms[5] == 0


def test_more_themes_than_tokens_is_an_error_that_says_so():
    with pytest.raises(DataError, match="num_themes=8"):
        codebook(np.eye(3, 4, dtype=np.float32), np.ones(3), 8, seed=0)
