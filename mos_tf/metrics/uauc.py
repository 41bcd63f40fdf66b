"""`UAUC`: AUC within each user, every user counting the same."""

from typing import Any

import keras
from keras import ops

from mos_tf.metrics.user_auc import UserAUC


@keras.saving.register_keras_serializable("mos_tf")
class UAUC(UserAUC):
    """Mean AUC of the users.

        UAUC = Σ_u AUC_u / U        over the U users with both classes

    Beside `GAUC` it shows whether users with few candidates are served as well as those with many. Ties count half.
    Users with one class are left out: `one_class_users()` says how many; 0.0 where that leaves none. The result is
    exact up to `capacity` candidates. Beyond it both go over a uniform sample of whole users, so memory stays at 16
    bytes x capacity; NaN where the sample is empty, as it is where one user alone exceeds the capacity.

    Args:
        capacity: candidates kept at most; one batch must fit.

    Example:

    >>> metric = UAUC()
    >>> metric.update_state([1, 0, 1, 0, 0, 1], [0.9, 0.1, 0.2, 0.8, 0.8, 0.5], groups=[7, 7, 8, 8, 8, 9])
    >>> float(metric.result()), int(metric.one_class_users())  # user 7 is ranked right, user 8 wrong, user 9 left out
    (0.5, 1)
    """

    def __init__(self, capacity: int = 2**19, name: str = "uauc", **kwargs: Any):
        super().__init__(capacity, name=name, **kwargs)

    def user_weights(self, candidates: Any) -> Any:
        return ops.ones_like(candidates)
