"""`PiecewiseLinearEmbedding`: numbers as positions between the quantiles of their training distribution."""

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("mos_tf")
class PiecewiseLinearEmbedding(keras.layers.Layer):
    """Embeds each of J numbers by where it lies between the training quantiles of its own distribution.

        e_jb = clip((x_j − q_jb) / (q_j,b+1 − q_jb), 0, 1)        b = 1..B
        u_j  = ReLU(e_j W_j + b_j)

    Quantiles are tie-aware: a value that many rows share claims at most one bin, so a number that is mostly zero
    still resolves the rest. `adapt` sets them from training data, as Keras preprocessing layers do. It computes in
    float32 under every dtype policy: half precision would merge neighbouring quantiles.

    Args:
        embedding_dim: width of u_j.
        num_bins: B.

    Call arguments:
        inputs: float [..., J].

    Returns:
        (u, e): float [..., J · embedding_dim] and [..., J · B].

    Raises:
        ValueError: no bins or no width; called before `adapt`, or adapted to something other than a finite matrix of
            J columns.

    References:
        Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022.

    Example:

    >>> layer = PiecewiseLinearEmbedding(embedding_dim=8, num_bins=4)
    >>> layer.adapt(np.linspace(0.0, 1.0, 101)[:, None])
    >>> [round(float(x), 2) for x in layer(np.array([[0.375]]))[1][0]]
    [1.0, 0.5, 0.0, 0.0]
    """

    def __init__(self, embedding_dim: int = 8, num_bins: int = 16, **kwargs: Any):
        super().__init__(dtype=kwargs.pop("dtype", "float32"), autocast=False, **kwargs)
        if embedding_dim < 1 or num_bins < 1:
            raise ValueError(
                "a number takes bins and a width of at least 1. "
                f"Received: embedding_dim={embedding_dim}, num_bins={num_bins}; 8 and 16 are common"
            )
        self.embedding_dim = embedding_dim
        self.num_bins = num_bins
        self.adapted = False

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        numbers = input_shape[-1]
        state = {"initializer": "zeros", "trainable": False}
        self.start = self.add_weight(shape=(numbers, self.num_bins), name="start", **state)
        # 1 / width, and 0 for the bins that ties leave empty: they then stay 0 for every input.
        self.slope = self.add_weight(shape=(numbers, self.num_bins), name="slope", **state)
        self.kernel = self.add_weight(
            shape=(numbers, self.num_bins, self.embedding_dim),
            initializer=keras.initializers.VarianceScaling(1.0, "fan_in", "uniform"),
            name="kernel",
        )
        self.bias = self.add_weight(shape=(numbers, self.embedding_dim), initializer="zeros", name="bias")
        self.built = True

    def adapt(self, data: np.ndarray) -> None:
        """Sets the quantiles from training rows, float [rows, J]."""
        data = np.asarray(data, dtype=np.float64)
        numbers = self.start.shape[0] if self.built else None
        if data.ndim != 2 or not data.size or not np.isfinite(data).all() or numbers not in (None, data.shape[1]):
            raise ValueError(
                "PiecewiseLinearEmbedding adapts to a finite matrix [rows, numbers] with at least one row, of as many "
                f"numbers as it embeds. Received: shape {data.shape}, {np.count_nonzero(~np.isfinite(data))} values "
                f"not finite, built for {numbers or 'any'} numbers; leave out or fill in what is missing"
            )
        if not self.built:
            self.build(data.shape)
        start, slope = zip(*(self._bins(column) for column in data.T), strict=True)
        self.start.assign(np.stack(start))
        self.slope.assign(np.stack(slope))
        self.adapted = True

    def _bins(self, column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        edges = tie_aware_quantiles(column, self.num_bins)
        start, slope = np.full(self.num_bins, edges[0]), np.zeros(self.num_bins)
        widths = np.diff(edges)
        start[: len(widths)], slope[: len(widths)] = edges[:-1], 1.0 / widths
        return start, slope

    def call(self, inputs: Any) -> tuple[Any, Any]:
        if not self.adapted:
            raise ValueError(
                f"{self.name}: quantiles are not adapted. Received: a call before adapt; call adapt(rows) first"
            )
        position = ops.cast(inputs, "float32")[..., None]
        encoded = ops.clip((position - self.start) * self.slope, 0.0, 1.0)
        leading = ops.shape(inputs)[:-1]
        numbers = self.start.shape[0]
        # One product a number: as an einsum over trailing axes its gradient takes twenty times as long.
        by_number = ops.transpose(ops.reshape(encoded, (-1, numbers, self.num_bins)), (1, 0, 2))
        embedded = ops.relu(ops.transpose(ops.matmul(by_number, self.kernel), (1, 0, 2)) + self.bias)
        return (
            ops.reshape(embedded, (*leading, numbers * self.embedding_dim)),
            ops.reshape(encoded, (*leading, numbers * self.num_bins)),
        )

    def compute_output_spec(self, inputs: keras.KerasTensor) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        *leading, numbers = inputs.shape
        return (
            keras.KerasTensor((*leading, numbers * self.embedding_dim), dtype=self.compute_dtype),
            keras.KerasTensor((*leading, numbers * self.num_bins), dtype=self.compute_dtype),
        )

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        store["adapted"] = np.asarray(self.adapted)

    def load_own_variables(self, store: Any) -> None:
        state = {key: store[key] for key in store.keys()}  # noqa: SIM118 (what Keras passes has keys only)
        adapted = state.pop("adapted", None)
        super().load_own_variables(state)
        # Files of format 1 may lack it; their slopes tell, unless every number was constant.
        self.adapted = bool(np.any(ops.convert_to_numpy(self.slope)) if adapted is None else adapted)

    def get_config(self) -> dict:
        return {**super().get_config(), "embedding_dim": self.embedding_dim, "num_bins": self.num_bins}


def tie_aware_quantiles(values: np.ndarray, num_bins: int) -> np.ndarray:
    """Returns up to `num_bins + 1` increasing edges between which the values spread evenly, ties counted at most a bin.

    Where there are at most `num_bins + 1` distinct values, each is an edge.

    Example:

    >>> tie_aware_quantiles(np.array([0.0] * 90 + [1.0, 2.0, 3.0, 4.0, 5.0] * 2), 3).tolist()
    [0.0, 2.0, 5.0]
    """
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= num_bins + 1:
        return distinct
    capped = _cap(counts.astype(np.float64), num_bins)
    reached = np.cumsum(capped) / capped.sum()
    inner = np.searchsorted(reached, np.arange(1, num_bins) / num_bins - 1e-9)
    return distinct[np.unique(np.concatenate([[0], inner, [len(distinct) - 1]]))]


def _cap(counts: np.ndarray, num_bins: int) -> np.ndarray:
    """Lowers the largest counts until none exceeds one bin's share of what is left."""
    for _ in range(num_bins):
        share = counts.sum() / num_bins
        if counts.max() <= share:
            break
        counts = np.minimum(counts, share)
    return counts
