"""Slow, obvious NumPy answers to what the layers compute, written row by row from the equations."""

import numpy as np


def din(layer, history: np.ndarray, candidates: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """DIN's vectors for one request, [n, dim]: the equations of its docstring, one pair at a time."""
    weights = {w.path.split("/", 1)[1] if "/" in w.path else w.path: np.asarray(w) for w in layer.weights}
    get = lambda name: next(v for k, v in weights.items() if k.endswith(name))  # noqa: E731
    heads, width = layer.num_heads, layer.output_dim // layer.num_heads
    out = np.zeros((len(candidates), layer.output_dim))
    for c, candidate in enumerate(candidates):
        scores = np.zeros((len(history) + 1, heads))
        values = np.zeros((len(history) + 1, layer.output_dim))
        scores[-1], values[-1] = get("null_score"), get("null_value")
        for t, event in enumerate(history):
            hidden = (
                event @ get("event/kernel")
                + candidate @ get("candidate/kernel")
                + get("candidate/bias")
                + (event * candidate) @ get("product/kernel")
            )
            hidden = hidden / (1 + np.exp(-hidden))
            rank = len(history) - 1 - t
            scores[t] = hidden @ get("score/kernel") - get("recency_slope") * np.log1p(rank)
            values[t] = event @ get("value/kernel") + get("value/bias")
        exponentials = np.exp(scores - scores.max(axis=0))
        share = exponentials / exponentials.sum(axis=0)
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            out[c, part] = share[:, head] @ values[:, part]
    return out


def affinity(history_ids, candidate_ids, seconds, scales=(21.0, 90.0)) -> np.ndarray:
    """Affinity of one request at one level, [n, 5], pair by pair."""
    days = np.asarray(seconds, np.float64) / 86400
    rows = []
    for candidate in candidate_ids:
        ages = [age for event, age in zip(history_ids, days, strict=True) if event == candidate]
        rows.append(
            [
                np.log1p(len(ages)),
                len(ages) / max(len(history_ids), 1),
                *(np.log(0.01 + sum(np.exp(-age / scale) for age in ages)) for scale in scales),
                np.log(0.01 + min([*ages, 999.0])),
            ]
        )
    return np.array(rows).reshape(-1, 5)
