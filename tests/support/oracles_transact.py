"""TransAct's equations in NumPy, one candidate and one query at a time."""

import numpy as np


def transact(layer, history: np.ndarray, candidates: np.ndarray, seconds: np.ndarray | None = None) -> np.ndarray:
    """TransAct's vectors for one request, [n, output_dim]."""
    out = np.zeros((len(candidates), layer.output_dim))
    history = history[-layer.max_events :] if layer.max_events else history
    for c, candidate in enumerate(candidates):
        if not len(history):
            out[c] = layer.null_vector
            continue
        x = np.stack([np.concatenate([event, candidate]) for event in history]).astype(np.float64)
        for block in layer.blocks:
            x = _block(block, x)
        recent = [x[-1 - k] if k < len(x) else np.zeros(x.shape[1]) for k in range(layer.num_recent)]
        out[c] = _dense(layer.output_projection, np.concatenate([*recent, x.max(axis=0)]))
    return out


def _block(block, x: np.ndarray) -> np.ndarray:
    queries, keys, values = np.split(x @ np.asarray(block.queries_keys_values.kernel), 3, axis=1)
    width = x.shape[1] // block.num_heads
    attention = np.zeros_like(x)
    for head in range(block.num_heads):
        part = slice(head * width, (head + 1) * width)
        for i in range(len(x)):
            scores = np.array([queries[i, part] @ keys[j, part] / np.sqrt(width) for j in range(len(x))])
            weights = np.exp(scores - scores.max())
            attention[i, part] = weights / weights.sum() @ values[:, part]
    x = _norm(block.attention_norm, x + _dense(block.attended, attention))
    hidden = np.maximum(_dense(block.hidden, x), 0)
    return _norm(block.feed_forward_norm, x + _dense(block.fed_forward, hidden))


def _dense(dense, x: np.ndarray) -> np.ndarray:
    return x @ np.asarray(dense.kernel) + np.asarray(dense.bias)


def _norm(norm, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + norm.epsilon)
    return scaled * np.asarray(norm.gamma) + np.asarray(norm.beta)
