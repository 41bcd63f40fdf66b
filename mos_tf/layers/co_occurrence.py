"""How themes start: tokens that share sessions get near embeddings, and near embeddings one theme.

Plain NumPy and SciPy on one machine; the equations are this project's formulation of theme-aware routing.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds
from sklearn.cluster import KMeans

from mos_tf.errors import DataError


def co_occurrence(sessions: np.ndarray, tokens: np.ndarray, num_tokens: int) -> sparse.csr_matrix:
    """Counts how often two distinct tokens share a session.

        C_ab = Σ_{sessions with a and b, a ≠ b} 1 / (n − 1)        n = distinct tokens of the session

    so that each session gives each of its tokens a weight of one.

    Args:
        sessions: int [N], the session of each event.
        tokens: int [N], the token of each event, in [0, num_tokens).
        num_tokens: V.

    Returns:
        Symmetric sparse matrix [V, V] with an empty diagonal.
    """
    pairs = np.unique(np.stack([sessions, tokens]), axis=1)
    _, rows = np.unique(pairs[0], return_inverse=True)
    sizes = np.bincount(rows)
    member = sparse.csr_matrix((np.ones(len(rows)), (rows, pairs[1])), shape=(len(sizes), num_tokens))
    weights = sparse.diags(np.where(sizes > 1, 1.0 / np.maximum(sizes - 1, 1), 0.0))
    counts = (member.T @ weights @ member).tolil()
    counts.setdiag(0)
    counts = counts.tocsr()
    counts.eliminate_zeros()
    return counts


def positive_pmi(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Returns the positive, smoothed and shrunk pointwise mutual information of a co-occurrence matrix.

    PMI_ab = max(0, log(p_ab / (p_a q_b)) · C_ab / (C_ab + 0.3))        q ∝ p^0.75
    """
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
    left, singular, _ = svds(information, k=rank, v0=start)
    embeddings = np.zeros((information.shape[0], dim), np.float32)
    # svds orders by rising singular value; the largest come first here.
    embeddings[:, :rank] = (left * np.sqrt(singular))[:, ::-1]
    has_row = np.asarray(information.sum(axis=1)).ravel() > 0
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.where(has_row[:, None] & (norms > 1e-8), embeddings / np.maximum(norms, 1e-8), 0.0).astype(np.float32)


def codebook(embeddings: np.ndarray, counts: np.ndarray, num_themes: int, seed: int) -> np.ndarray:
    """Returns unit theme vectors, float32 [num_themes, dim], by k-means weighted by √count.

    Raises:
        DataError: fewer tokens with an embedding than themes.
    """
    known = np.linalg.norm(embeddings, axis=1) > 0
    distinct = len(np.unique(embeddings[known], axis=0))
    if distinct < num_themes:
        raise DataError(
            "themes group tokens that share sessions, so there must be at least as many tokens as themes. "
            f"Received: {distinct} distinct tokens for num_themes={num_themes}; use a finer theme_token or fewer themes"
        )
    means = KMeans(num_themes, n_init=4, random_state=seed).fit(
        embeddings[known], sample_weight=np.sqrt(np.maximum(counts[known], 1.0))
    )
    centers = means.cluster_centers_
    return (centers / np.maximum(np.linalg.norm(centers, axis=1, keepdims=True), 1e-8)).astype(np.float32)


def nearest_theme(embeddings: np.ndarray, themes: np.ndarray) -> np.ndarray:
    """Returns z = argmax_k cos(r_a, w_k) for each token, int32 [V]; tokens without an embedding get code K."""
    nearest = np.argmax(embeddings @ themes.T, axis=1)
    return np.where(np.linalg.norm(embeddings, axis=1) > 0, nearest, len(themes)).astype(np.int32)
