"""HSTU's equations in NumPy, one pair at a time, each candidate appended to the history."""

import math

import numpy as np


def hstu(layer, history: np.ndarray, candidates: np.ndarray, seconds: np.ndarray | None = None) -> np.ndarray:
    """HSTU's vectors for one request, [n, output_dim]; without seconds, the position alone."""
    out = np.zeros((len(candidates), layer.output_dim))
    for c, candidate in enumerate(candidates):
        if not len(history):
            out[c] = layer.null_vector
            continue
        x = np.concatenate([history, [candidate]]).astype(np.float64)
        times = None if seconds is None else [*seconds.tolist(), 0]
        for block in layer.blocks:
            x = _block(block, x, times)
        last = _norm(x, layer.output_norm.epsilon)[-1]
        last = last * np.asarray(layer.output_norm.gamma) + np.asarray(layer.output_norm.beta)
        out[c] = last @ np.asarray(layer.output_projection.kernel) + np.asarray(layer.output_projection.bias)
    return out


def _block(block, x: np.ndarray, times: list[int] | None) -> np.ndarray:
    dim, width = x.shape[1], x.shape[1] // block.num_heads
    normed = _norm(x, block.input_norm.epsilon)
    gate_query, value_key = (_silu(normed @ np.asarray(dense.kernel)) for dense in (block.gate_query, block.value_key))
    gate, queries, values, keys = gate_query[:, :dim], gate_query[:, dim:], value_key[:, :dim], value_key[:, dim:]
    positions, octaves = np.asarray(block.position_bias), np.asarray(block.time_bias)
    attention = np.zeros_like(x)
    for i in range(len(x)):
        for j in range(i + 1):
            bias = positions[position_bucket(i - j)]
            if times is not None:
                bias = bias + octaves[abs(times[i] - times[j]).bit_length()]
            for head in range(block.num_heads):
                part = slice(head * width, (head + 1) * width)
                attention[i, part] += _silu(queries[i, part] @ keys[j, part] + bias) * values[j, part] / (i + 1)
    gated = _norm(attention, block.attention_norm.epsilon) * gate
    return x + gated @ np.asarray(block.gated.kernel) + np.asarray(block.gated.bias)


def position_bucket(distance: int) -> int:
    """Exact below 16, then half octaves whose edges are rounded to whole positions."""
    if distance < 16:
        return distance
    bucket = 16
    while bucket < 32 and distance >= round(16 * math.sqrt(2) ** (bucket - 15)):
        bucket += 1
    return bucket


def _silu(x):
    return x / (1 + np.exp(-x))


def _norm(x: np.ndarray, epsilon: float) -> np.ndarray:
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + epsilon)
