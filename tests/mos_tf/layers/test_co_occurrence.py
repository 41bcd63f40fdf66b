import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from threadpoolctl import threadpool_limits

from mos_tf.errors import DataError
from mos_tf.layers.co_occurrence import (
    MAX_SESSION_TOKENS,
    co_occurrence,
    codebook,
    cut_sessions,
    find_themes,
    from_integers,
    integer_co_occurrence,
    nearest_theme,
    positive_pmi,
    token_embeddings,
)


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
    with pytest.raises(DataError, match="Received: 3 distinct embeddings of 3 .*num_themes=8"):
        codebook(np.eye(3, 4, dtype=np.float32), np.ones(3), 8, seed=0)


def test_tokens_that_share_their_embedding_are_told_from_distinct_ones():
    twice = np.repeat(np.eye(2, dtype=np.float32), 2, axis=0)
    with pytest.raises(DataError, match="Received: 2 distinct embeddings of 4 .*num_themes=3"):
        codebook(twice, np.ones(4), 3, seed=0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6)), min_size=1, max_size=40), st.randoms())
def test_counts_of_parts_add_up_to_the_last_bit_in_any_order(events, random):
    sessions, tokens = np.array(events).T
    parts = [integer_co_occurrence(sessions[sessions == s], tokens[sessions == s], 7) for s in np.unique(sessions)]
    random.shuffle(parts)
    total = sum(parts[1:], start=parts[0])
    whole, added = co_occurrence(sessions, tokens, 7), from_integers(sparse.csr_matrix(total))
    np.testing.assert_array_equal(added.indptr, whole.indptr)
    np.testing.assert_array_equal(added.indices, whole.indices)
    np.testing.assert_array_equal(added.data, whole.data)


def test_a_session_of_too_many_tokens_is_left_out_with_a_warning():
    largest, above = np.arange(MAX_SESSION_TOKENS), np.arange(MAX_SESSION_TOKENS + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert co_occurrence(np.zeros_like(largest), largest, 600).sum() == pytest.approx(MAX_SESSION_TOKENS)
    sessions, tokens = np.append(np.zeros_like(above), [1, 1]), np.append(above, [0, 1])
    with pytest.warns(UserWarning, match="1 of 2, the largest of 513 tokens"):
        counts = co_occurrence(sessions, tokens, 600)
    assert counts.nnz == 2 and counts[0, 1] == counts[1, 0] == 1


def test_a_session_ends_with_the_user_and_after_a_longer_pause_than_the_gap():
    users, times = np.array([4, 4, 4, 2, 2]), np.array([0, 60, 121, 121, 125])
    assert cut_sessions(users, times, gap=60).tolist() == [0, 0, 1, 2, 2]
    assert cut_sessions(users[:0], times[:0], gap=60).tolist() == []


def test_themes_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((1500, 16)).astype(np.float32)
    found = []
    for threads in (1, 8, 8, 8):
        with threadpool_limits(threads):
            found.append(codebook(embeddings, np.ones(1500), 8, seed=0))
    assert all(np.array_equal(themes, found[0]) for themes in found)


def test_found_themes_are_those_of_each_step_by_itself():
    rng = np.random.default_rng(0)
    sessions, tokens = np.repeat(np.arange(100), 3), rng.integers(0, 12, 300)
    counts, frequency = co_occurrence(sessions, tokens, 13), np.bincount(tokens, minlength=13)
    found = find_themes(counts, frequency, (2, 4), dim=5, seed=7)
    embeddings = token_embeddings(positive_pmi(counts), 5, seed=7)
    np.testing.assert_array_equal(found.embeddings, embeddings)
    for column, themes in enumerate((2, 4)):
        expected = codebook(embeddings, frequency, themes, seed=7)
        np.testing.assert_array_equal(found.codebooks[column], expected)
        np.testing.assert_array_equal(found.table[:, column], nearest_theme(embeddings, expected))


def test_no_pair_of_tokens_is_an_error_that_says_so():
    with pytest.raises(DataError, match="3 events, no session of which has two tokens"):
        find_themes(co_occurrence(np.arange(3), np.arange(3), 4), np.array([1, 1, 1, 0]), (2,), dim=2, seed=0)
