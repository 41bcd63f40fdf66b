"""`GAUC`: AUC within each user, weighted by the user's candidates."""

from typing import Any

import keras

from mos_tf.metrics.user_auc import UserAUC


@keras.saving.register_keras_serializable("mos_tf")
class GAUC(UserAUC):
    """Grouped AUC.

        GAUC = Σ_u n_u AUC_u / Σ_u n_u        over users with both classes; n_u = the user's candidates

    Ties count half. Users with one class are left out: `one_class_users()` says how many; 0.0 where that leaves none.
    The result is exact up to `capacity` candidates. Beyond it both go over a uniform sample of whole users, so memory
    stays at 16 bytes x capacity; NaN where the sample is empty, as it is where one user alone exceeds the capacity.

    Args:
        capacity: candidates kept at most; one batch must fit.

    References:
        Zhu et al., "Optimized Cost per Click in Taobao Display Advertising", KDD 2017.

    Example:

    >>> metric = GAUC()
    >>> metric.update_state([1, 0, 1, 0], [0.9, 0.1, 0.2, 0.8], groups=[7, 7, 8, 8])
    >>> float(metric.result())  # user 7 is ranked right, user 8 wrong
    0.5
    """

    def __init__(self, capacity: int = 2**19, name: str = "gauc", **kwargs: Any):
        super().__init__(capacity, name=name, **kwargs)

    def user_weights(self, candidates: Any) -> Any:
        return candidates
