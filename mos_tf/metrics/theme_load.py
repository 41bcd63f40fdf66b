"""`ThemeLoad`: how evenly events spread over themes."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("mos_tf")
class ThemeLoad(keras.metrics.Metric):
    """Counts routed events by theme; the result says whether routing is healthy.

    `result()` gives the `entropy` of the load in nats (log K when even), the `max_share` of the fullest theme and
    the number of `unused` themes; `shares()` gives the load itself. The last code, "no theme", counts in the shares
    but not among the unused.

    Args:
        num_themes: K.
    """

    def __init__(self, num_themes: int, name: str = "theme", **kwargs: Any):
        super().__init__(name=name, **kwargs)
        self.num_themes = num_themes
        self.counts = self.add_variable(shape=(num_themes + 1,), initializer="zeros", name="counts")

    def update_state(self, themes: Any) -> None:
        """Adds int themes [N], each in [0, K]."""
        ones = ops.ones(ops.shape(themes), dtype=self.counts.dtype)
        self.counts.assign_add(ops.segment_sum(ones, themes, num_segments=self.num_themes + 1))

    def shares(self) -> Any:
        """Returns float [K + 1], each theme's share of the events; zeros before the first event."""
        return self.counts / ops.maximum(ops.sum(self.counts), 1.0)

    def result(self) -> dict:
        shares = self.shares()
        entropy = -ops.sum(shares * ops.log(ops.maximum(shares, 1e-12)))
        return {
            f"{self.name}_entropy": entropy,
            f"{self.name}_max_share": ops.max(shares),
            f"{self.name}_unused": ops.sum(ops.cast(self.counts[:-1] == 0, "float32")),
        }

    def get_config(self) -> dict:
        return {**super().get_config(), "num_themes": self.num_themes}
