"""`CandidateSums`: base of the metrics that are a function of sums over candidates."""

from typing import Any

import keras
from keras import ops

from mos_tf.losses.flat import flat


class CandidateSums(keras.metrics.Metric):
    """Sums over candidates, in float64: float32 stops counting single candidates at 2^24 of them.

    A subclass makes its sums with `add_sum`, adds to them in `accumulate` and says in `result` what they mean.
    Since sums are all it keeps, the result does not depend on how the candidates were batched. It is NaN once a label
    or a probability was outside [0, 1], whatever its weight: taken as one, a logit can look like a perfect prediction.
    """

    def add_sum(self, name: str, shape: tuple[int, ...] = ()) -> keras.Variable:
        """Returns a new float64 variable of zeros.

        Raises:
            ValueError: the backend has no float64; JAX leaves it off unless asked.
        """
        variable = self.add_variable(shape=shape, initializer="zeros", name=name, dtype="float64")
        found = keras.backend.standardize_dtype(variable.value.dtype)
        if found != "float64":
            raise ValueError(
                f"{type(self).__name__} must sum in float64. Received: {found} from the {keras.backend.backend()} "
                "backend; set JAX_ENABLE_X64=1"
            )
        return variable

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds candidates.

        Args:
            y_true: labels, 0 or 1 [M].
            y_pred: probabilities, in [0, 1] [M].
            sample_weight: float [M], not negative; default 1.

        Raises:
            ValueError: arrays of unequal length.
        """
        if sample_weight is None:
            sample_weight = ops.ones(ops.shape(y_true))
        labels, probabilities, weights = flat("float64", y_true=y_true, y_pred=y_pred, sample_weight=sample_weight)
        valid = _is_probability(labels) & _is_probability(probabilities)
        self.accumulate(labels, probabilities, ops.where(valid, weights, float("nan")))

    def accumulate(self, labels: Any, probabilities: Any, weights: Any) -> None:
        """Adds float64 labels, probabilities and weights, each [M], to the sums.

        The weight of a candidate is NaN where its label or probability is none, and must not be lost on the way.
        """
        raise NotImplementedError


def _is_probability(values: Any) -> Any:
    """Returns where values are in [0, 1], which NaN is not."""
    return (values >= 0) & (values <= 1)


def ratio(numerator: Any, denominator: Any) -> Any:
    """Returns the quotient of two scalars; NaN where the denominator is 0, without dividing by it."""
    return ops.where(denominator == 0, float("nan"), ops.divide_no_nan(numerator, denominator))
