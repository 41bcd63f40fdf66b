"""Slow NumPy answers to what the mixtures of experts compute, token by token from the papers' equations."""

from itertools import pairwise

import numpy as np
import tensorflow as tf

from mos_tf.ragged import Rows


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def top_2(probabilities: np.ndarray, capacity: int) -> np.ndarray:
    """Algorithm 1 of GShard at inference (the second expert always asked), [S, E]."""
    shares = np.zeros_like(probabilities)
    queue = np.zeros(probabilities.shape[1], int)
    for choice in (0, 1):
        for s, p in enumerate(probabilities):
            two = np.argsort(-p)[:2]
            expert = two[choice]
            if queue[expert] < capacity:
                shares[s, expert] = p[expert] / p[two].sum()
            queue[expert] += 1
    return shares


def balance(probabilities: np.ndarray) -> float:
    """E Σ_e (c_e / S) m_e of GShard."""
    size, num_experts = probabilities.shape
    first = [list(probabilities.argmax(axis=1)).count(e) / size for e in range(num_experts)]
    return num_experts * float(np.dot(first, probabilities.mean(axis=0)))


def dselect_k(alpha: np.ndarray, z: np.ndarray, gamma: float) -> tuple[np.ndarray, float]:
    """The shares of one token [E] and Σ_i h(r(z_i)), from its logits [k] and bits [k, log₂ E]."""

    def step(t: float) -> float:
        if abs(t) >= gamma / 2:
            return float(t > 0)
        return -2 / gamma**3 * t**3 + 3 / (2 * gamma) * t + 1 / 2

    num_experts = 2 ** z.shape[1]
    shares, entropy = np.zeros(num_experts), 0.0
    for weight, bits in zip(softmax(alpha), z, strict=True):
        for e in range(num_experts):
            r = np.prod([step(t) if e >> j & 1 else 1 - step(t) for j, t in enumerate(bits)])
            shares[e] += weight * r
            entropy -= r * np.log(r) if r > 0 else 0.0
    return shares, entropy


def expert_choice(probabilities: np.ndarray, capacity: int) -> np.ndarray:
    """Each expert takes the tokens that it scores highest, [S, E]."""
    shares = np.zeros_like(probabilities)
    for e in range(probabilities.shape[1]):
        for s in np.argsort(-probabilities[:, e], kind="stable")[:capacity]:
            shares[s, e] = probabilities[s, e]
    return shares


def mixture(layer, histories: list[np.ndarray], candidates: list[np.ndarray], shares: np.ndarray) -> list[np.ndarray]:
    """The vectors of each request, [n, dim], given the gate's shares: [requests, E] or [events, E], as dispatched."""
    ends = np.cumsum([0, *map(len, histories)])
    answers = []
    for r, (history, (start, end)) in enumerate(zip(histories, pairwise(ends), strict=True)):
        answer = np.zeros((len(candidates[r]), layer.output_dim))
        left = 1.0
        for e, expert in enumerate(layer.experts):
            if layer.dispatch == "request":
                seen, mass = history, shares[r, e]
            else:
                seen = history[shares[start:end, e] > 0]
                mass = shares[start:end, e].mean() if len(history) else 0.0
            left -= mass
            if mass > 0:
                rows = Rows(tf.constant(seen, tf.float32), tf.constant([0, len(seen)], tf.int64))
                looked_at = tf.zeros([len(candidates[r])], tf.int64)
                answer += mass * expert.encode(rows, tf.constant(candidates[r]), looked_at).vectors.numpy()
        answers.append(answer + left * np.asarray(layer.null_vector))
    return answers


def tokens(layer, histories: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What the gate sees, [S, dim], and which of it there is to dispatch, [S]."""
    if layer.dispatch == "event":
        events = np.concatenate(histories)
        return events, np.ones(len(events), bool)
    means = [history.mean(axis=0) if len(history) else np.zeros(history.shape[1]) for history in histories]
    return np.array(means), np.array([len(history) > 0 for history in histories])
