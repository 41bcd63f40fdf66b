"""How themes start: tokens that share sessions get near embeddings, and near embeddings one theme.

Plain NumPy and SciPy; the equations are this project's formulation of theme-aware routing. Equal sessions give equal
themes to the last bit, however they are ordered, parted among workers or spread over threads: pairs are counted in
integers, whose sum knows no order, and what follows runs in one order on one thread.
"""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import eigsh, svds
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from mos_tf.errors import DataError

ONE = 2**32  # a weight of one, in the integers that pairs are counted in
MAX_SESSION_TOKENS = 512


class FoundThemes(NamedTuple):
    """All that routing needs to know of V tokens at several resolutions K.

    Attributes:
        embeddings: r, float32 [V, dim].
        codebooks: w^K, float32 [K, dim] for each K.
        table: the theme of each token, int32 [V, resolutions].
    """

    embeddings: np.ndarray
    codebooks: tuple[np.ndarray, ...]
    table: np.ndarray


def find_themes(
    counts: sparse.csr_matrix, frequency: np.ndarray, num_themes: Sequence[int], dim: int, seed: int
) -> FoundThemes:
    """Returns the themes of tokens, from how often two share a session and how often each occurs.

    Args:
        counts: C of `co_occurrence`, [V, V].
        frequency: events of each token, [V].
        num_themes: the resolutions K.
        dim: width of the embeddings.
        seed: of the decomposition and of k-means.

    Raises:
        DataError: no two tokens ever share a session, or fewer tokens do than there are themes.
    """
    if not counts.nnz:
        raise DataError(
            "themes are found in tokens that share a session. "
            f"Received: {np.sum(frequency):.0f} events, no session of which has two tokens; widen the session gap"
        )
    embeddings = token_embeddings(positive_pmi(counts), dim, seed)
    codebooks = tuple(codebook(embeddings, frequency, themes, seed) for themes in num_themes)
    table = np.stack([nearest_theme(embeddings, themes) for themes in codebooks], axis=1)
    return FoundThemes(embeddings, codebooks, table)


def cut_sessions(users: np.ndarray, times: np.ndarray, gap: int) -> np.ndarray:
    """Returns the session of each event, int64 [N], rising from 0.

    A session ends where the user changes and where more than `gap` seconds pass.

    Args:
        users: [N], each user's events together.
        times: int [N] seconds, oldest first within a user.
        gap: seconds.
    """
    starts = np.ones(len(times), bool)
    starts[1:] = (users[1:] != users[:-1]) | (np.diff(times) > gap)
    return np.cumsum(starts) - 1


def co_occurrence(sessions: np.ndarray, tokens: np.ndarray, num_tokens: int) -> sparse.csr_matrix:
    """Counts how often two distinct tokens share a session.

        C_ab = Σ_{sessions with a and b, a ≠ b} 1 / (n − 1)        n = distinct tokens of the session

    so that each session gives each of its tokens a weight of one. A session of more than 512 distinct tokens is left
    out, with a warning: it is a missing boundary or a robot, costs n² pairs and gives none of them 1/511.

    Args:
        sessions: int [N], the session of each event.
        tokens: int [N], the token of each event, in [0, num_tokens).
        num_tokens: V.

    Returns:
        Symmetric sparse matrix [V, V] with an empty diagonal.
    """
    return from_integers(integer_co_occurrence(sessions, tokens, num_tokens))


def integer_co_occurrence(sessions: np.ndarray, tokens: np.ndarray, num_tokens: int) -> sparse.csr_matrix:
    """Returns `co_occurrence` in integers, int64 [V, V] in units of 2⁻³²: the sum of parts is that of the whole.

    Exact up to two thousand million sessions that share one pair; a weight is rounded by at most (n − 1) 2⁻³³ of it.
    """
    _, rows = np.unique(sessions, return_inverse=True)
    rows, columns = np.divmod(np.unique(rows * num_tokens + tokens), num_tokens)
    sizes = np.bincount(rows)
    if too_large := np.count_nonzero(sizes > MAX_SESSION_TOKENS):
        warnings.warn(
            f"sessions of more than {MAX_SESSION_TOKENS} distinct tokens say nothing of themes and are left out. "
            f"Received: {too_large} of {len(sizes)}, the largest of {sizes.max()} tokens; is the session gap too wide?",
            stacklevel=2,
        )
    weights = np.where((sizes > 1) & (sizes <= MAX_SESSION_TOKENS), np.rint(ONE / np.maximum(sizes - 1, 1)), 0)
    kept = weights[rows] > 0
    place = (rows[kept], columns[kept])
    shape = (len(sizes), num_tokens)
    member = sparse.csr_matrix((np.ones(len(place[0]), np.int64), place), shape=shape)
    weighted = sparse.csr_matrix((weights[place[0]].astype(np.int64), place), shape=shape)
    counts = (member.T @ weighted).tocoo()
    distinct = counts.row != counts.col
    return sparse.csr_matrix(
        (counts.data[distinct], (counts.row[distinct], counts.col[distinct])), shape=(num_tokens, num_tokens)
    )


def from_integers(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Returns C as float64 with its entries in order, so that what is computed of it does not depend on theirs."""
    counts = sparse.csr_matrix((counts.data / ONE, counts.indices, counts.indptr), shape=counts.shape)
    counts.sort_indices()
    return counts


def positive_pmi(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Returns the positive, smoothed and shrunk pointwise mutual information of a co-occurrence matrix.

    PMI_ab = max(0, log(p_ab / (p_a q_b)) · C_ab / (C_ab + 0.3))        q ∝ p^0.75
    """
    if not counts.nnz:
        return counts
    coo = counts.tocoo()
    total = coo.data.sum()
    marginal = np.asarray(counts.sum(axis=1)).ravel() / total
    smoothed = marginal**0.75 / (marginal**0.75).sum()
    information = np.log(coo.data / total / (marginal[coo.row] * smoothed[coo.col])) * coo.data / (coo.data + 0.3)
    positive = sparse.csr_matrix((np.maximum(information, 0.0), (coo.row, coo.col)), shape=counts.shape)
    positive.eliminate_zeros()
    return positive


def token_embeddings(information: sparse.csr_matrix, dim: int, seed: int) -> np.ndarray:
    """Returns unit rows of U Σ^½ of the truncated SVD, float32 [V, dim]; a token without a row gets zeros."""
    rank = min(dim, min(information.shape) - 1)
    start = np.random.default_rng(seed).standard_normal(information.shape[0])
    with threadpool_limits(1):
        left, singular, _ = svds(information, k=rank, v0=start)
    embeddings = np.zeros((information.shape[0], dim), np.float32)
    # svds orders by rising singular value; the largest come first here.
    embeddings[:, :rank] = (left * np.sqrt(singular))[:, ::-1]
    return _unit_rows(embeddings, information)


def similar_vectors(information: sparse.csr_matrix, dim: int, seed: int) -> np.ndarray:
    """Returns vectors whose products approximate the information of a pair, of unit length, float32 [V, dim].

    Rows of U Λ^½ of the largest eigenvalues of (PMI + PMIᵀ) / 2, none below 0: what a negative one explains are tokens
    that avoid each other, which the singular values of `token_embeddings` cannot tell from ones that attract each
    other. Zeros where a token has no information.
    """
    size, found = information.shape[0], np.zeros((information.shape[0], dim), np.float32)
    if information.nnz:
        rank = min(dim, size - 1)
        start = np.random.default_rng(seed).standard_normal(size)
        with threadpool_limits(1):
            values, vectors = eigsh((information + information.T) / 2, k=rank, which="LA", v0=start)
        found[:, :rank] = (vectors * np.sqrt(np.maximum(values, 0.0)))[:, ::-1]  # eigsh orders by rising eigenvalue
    return _unit_rows(found, information)


def _unit_rows(embeddings: np.ndarray, information: sparse.csr_matrix) -> np.ndarray:
    """Returns rows of unit length, zeros for those of tokens without information."""
    has_row = np.asarray(information.sum(axis=1)).ravel() > 0
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.where(has_row[:, None] & (norms > 1e-8), embeddings / np.maximum(norms, 1e-8), 0.0).astype(np.float32)


def codebook(embeddings: np.ndarray, counts: np.ndarray, num_themes: int, seed: int) -> np.ndarray:
    """Returns unit theme vectors, float32 [num_themes, dim], by k-means weighted by √count.

    Args:
        embeddings: float32 [V, dim]; zeros have no theme.
        counts: how often each occurs, [V].
        num_themes: K.
        seed: of k-means.

    Raises:
        DataError: fewer distinct embeddings than themes.
    """
    known = np.linalg.norm(embeddings, axis=1) > 0
    distinct = num_distinct(embeddings)
    if distinct < num_themes:
        raise DataError(
            "themes group distinct embeddings, so there must be at least as many of them as themes. "
            f"Received: {distinct} distinct embeddings of {np.count_nonzero(known)} tokens or vectors "
            f"for num_themes={num_themes}; use fewer themes, or a finer theme_token in more sessions"
        )
    with threadpool_limits(1):  # several threads add up the centers in the order in which they end
        means = KMeans(num_themes, n_init=4, random_state=seed).fit(
            embeddings[known], sample_weight=np.sqrt(np.maximum(counts[known], 1.0))
        )
    centers = means.cluster_centers_
    return (centers / np.maximum(np.linalg.norm(centers, axis=1, keepdims=True), 1e-8)).astype(np.float32)


def num_distinct(embeddings: np.ndarray) -> int:
    """Returns how many different embeddings there are, those of zeros left out: there cannot be more themes."""
    return len(np.unique(embeddings[np.any(embeddings, axis=1)], axis=0))


def nearest_theme(embeddings: np.ndarray, themes: np.ndarray) -> np.ndarray:
    """Returns z = argmax_k cos(r_a, w_k) for each token, int32 [V]; tokens without an embedding get code K."""
    nearest = np.argmax(embeddings @ themes.T, axis=1)
    return np.where(np.linalg.norm(embeddings, axis=1) > 0, nearest, len(themes)).astype(np.int32)
