"""TWIN's answer in NumPy, from the equations of its docstring: one candidate at a time, every event scored."""

import numpy as np


def twin(layer, history: np.ndarray, candidates: np.ndarray, seconds: np.ndarray | None = None) -> np.ndarray:
    """TWIN's vectors for one request, [n, dim]."""
    heads, width = layer.num_heads, layer.output_dim // layer.num_heads
    query, key, value = (np.asarray(part.kernel, np.float64) for part in (layer.query, layer.key, layer.value))
    null_score, null_value = np.asarray(layer.null_score), np.asarray(layer.null_value)
    rank = len(history) - 1 - np.arange(len(history))
    days = np.zeros(len(history)) if seconds is None else np.asarray(seconds) / 86400
    discount = np.outer(np.log1p(rank), layer.recency_slope) + np.outer(np.log1p(days), layer.age_slope)
    out = np.zeros((len(candidates), layer.output_dim))
    for c, candidate in enumerate(candidates):
        product = (history @ key) * (candidate @ query) / np.sqrt(width)
        scores = product.reshape(-1, heads, width).sum(axis=2) - discount
        relevance = (scores - null_score).max(axis=1)
        chosen = np.argsort(-relevance, kind="stable")[: layer.num_selected]
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            exponentials = np.exp(np.append(scores[chosen, head], null_score[head]))
            share = exponentials / exponentials.sum()
            out[c, part] = share[:-1] @ (history[chosen] @ value[:, part]) + share[-1] * null_value[part]
    return out
