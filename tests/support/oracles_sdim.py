"""SDIM's answer in NumPy, from the equations of its docstring: one candidate, one group, one event at a time."""

import numpy as np


def sdim(layer, history: np.ndarray, candidates: np.ndarray, seconds: np.ndarray | None = None) -> np.ndarray:
    """SDIM's vectors for one request, [n, dim]."""
    hyperplanes, value, null_value = (
        np.asarray(weight) for weight in (layer.hyperplanes, layer.value.kernel, layer.null_value)
    )
    bits = layer.signature_bits
    groups = [hyperplanes[:, start : start + bits] for start in range(0, layer.num_hashes, bits)]
    out = np.zeros((len(candidates), layer.output_dim))
    for c, candidate in enumerate(candidates):
        for group in groups:
            wanted = candidate @ group > 0
            members = [event for event in history if np.array_equal(event @ group > 0, wanted)]
            total = np.sum(members, axis=0, dtype=np.float64)
            found = total / np.linalg.norm(total) @ value if members else null_value
            out[c] += found / len(groups)
    return out
