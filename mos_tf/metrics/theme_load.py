"""`ThemeLoad`: how evenly events spread over themes."""

from typing import Any

import keras
import numpy as np
from keras import ops

_RADIX = 2**24  # large enough to count to 2^55, small enough for a batch of 2 billion events to be added to a digit


@keras.saving.register_keras_serializable("mos_tf")
class ThemeLoad(keras.metrics.Metric):
    """Counts routed events by theme; the result says whether routing is healthy.

        f_k = n_k / Σ_j n_j        entropy = − Σ_k f_k log f_k        max_share = max_k f_k

    `result()` gives the `entropy` of the load in nats (log K when even), the `max_share` of the fullest theme and
    the number of `unused` themes, each a float32 scalar; `shares()` gives the load itself. The last code, "no theme",
    counts in the shares but not among the unused. Before the first event all shares are 0.

    Every event counts: n_k is exact up to 2^55, in two int32 digits, as JAX leaves 64 bits off unless asked.

    Args:
        num_themes: K.

    Example:

    >>> metric = ThemeLoad(num_themes=2)
    >>> metric.update_state([0, 0, 1, 0])
    >>> {name: round(float(value), 2) for name, value in metric.result().items()}
    {'theme_entropy': 0.56, 'theme_max_share': 0.75, 'theme_unused': 0.0}
    >>> metric.events()  # none without a theme
    array([3, 1, 0])
    """

    def __init__(self, num_themes: int, name: str = "theme", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.num_themes = num_themes
        # n = high · _RADIX + low
        self.high, self.low = (
            self.add_variable(shape=(num_themes + 1,), initializer="zeros", name=digit, dtype="int32")
            for digit in ("high", "low")
        )

    def update_state(self, themes: Any) -> None:
        """Adds int themes [N], each in [0, K], of at most two billion events."""
        themes = ops.convert_to_tensor(themes, dtype="int32")
        low = self.low + ops.segment_sum(ops.ones_like(themes), themes, num_segments=self.num_themes + 1)
        self.high.assign_add(low // _RADIX)
        self.low.assign(low % _RADIX)

    def events(self) -> np.ndarray:
        """Returns n, the events of each theme and of none, int64 [K + 1]; outside of graphs, which may lack int64."""
        high, low = (ops.convert_to_numpy(digit).astype(np.int64) for digit in (self.high, self.low))
        return high * _RADIX + low

    def shares(self) -> Any:
        """Returns float32 [K + 1], each theme's share of the events; zeros before the first event."""
        counts = ops.cast(self.high, "float32") * _RADIX + ops.cast(self.low, "float32")
        return counts / ops.maximum(ops.sum(counts), 1.0)

    def result(self) -> dict:
        shares = self.shares()
        entropy = -ops.sum(shares * ops.log(ops.maximum(shares, 1e-12)))
        return {
            f"{self.name}_entropy": entropy,
            f"{self.name}_max_share": ops.max(shares),
            f"{self.name}_unused": ops.sum(ops.cast(shares[:-1] == 0, "float32")),
        }

    def get_config(self) -> dict:
        return {**super().get_config(), "num_themes": self.num_themes}
