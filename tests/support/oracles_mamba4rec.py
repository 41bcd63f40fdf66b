"""A slow, obvious NumPy answer to what `Mamba4Rec` computes, event by event from the equations."""

import numpy as np
from scipy.special import erf


def mamba4rec(layer, history: np.ndarray, candidates: np.ndarray, seconds: np.ndarray | None = None) -> np.ndarray:
    """Mamba4Rec's vectors for one request, [n, output_dim]; `layer` has no more than its weights read."""
    if not len(history):
        return np.tile(np.asarray(layer.null_value), (len(candidates), 1))
    events = _normalised(layer.norm, history.astype(np.float64))
    for mamba in layer.layers:
        events = _layer(mamba, events)
    last = events[-1] if layer.projection is None else _dense(layer.projection, events[-1])
    return np.tile(last, (len(candidates), 1))


def _layer(layer, events: np.ndarray) -> np.ndarray:
    kernel, bias = np.asarray(layer.conv_kernel), np.asarray(layer.conv_bias)
    projected = _dense(layer.in_projection, events)
    decay = -np.exp(np.asarray(layer.log_decay, np.float64))
    state = np.zeros(decay.shape)
    results = []
    for t, event in enumerate(events):
        window = [(k, t - (len(kernel) - 1 - k)) for k in range(len(kernel))]
        inner = _silu(bias + sum(kernel[k] * projected[s] for k, s in window if s >= 0))
        delta = np.log1p(np.exp(_dense(layer.step, _dense(layer.step_rank, inner)) + np.asarray(layer.step_bias)))
        write, read = _dense(layer.write, inner), _dense(layer.read, inner)
        state = np.exp(delta * decay) * state + np.outer(write, delta * inner)
        output = (read @ state + np.asarray(layer.skip) * inner) * _silu(_dense(layer.gate, event))
        mixed = _normalised(layer.norm, _dense(layer.out_projection, output) + event)
        wide = _dense(layer.widen, mixed)
        wide = wide * (1 + erf(wide / np.sqrt(2))) / 2
        results.append(_normalised(layer.feed_forward_norm, _dense(layer.narrow, wide) + mixed))
    return np.stack(results)


def _dense(layer, x: np.ndarray) -> np.ndarray:
    return x @ np.asarray(layer.kernel) + (np.asarray(layer.bias) if layer.use_bias else 0.0)


def _normalised(layer, x: np.ndarray) -> np.ndarray:
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + layer.epsilon)
    return centred / scale * np.asarray(layer.gamma) + np.asarray(layer.beta)


def _silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))
