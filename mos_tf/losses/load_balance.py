"""`load_balance`: keeps a router from sending everything to a few experts."""

from typing import Any

from keras import ops


def load_balance(probabilities: Any, assignment: Any, num: int) -> Any:
    """Returns how unevenly values spread over experts (or themes), float32 scalar.

        L_balance = K Σ_k f_k p_k        f_k = share of the values sent to k,  p_k = mean probability of k

    1 when the load is even, up to K when everything goes to one expert, 0 without values. The share f has no
    gradient; it weighs that of the probabilities, so that full experts lose probability.

    Args:
        probabilities: float [N, K], gates or softmax over the experts, before any is left out.
        assignment: int [N], the expert of each value, in [0, K); with several, the first choice.
        num: K.

    Raises:
        ValueError: probabilities of another width than K.

    References:
        Shazeer et al., "Outrageously Large Neural Networks", ICLR 2017.

        Fedus et al., "Switch Transformers", JMLR 2022, equation 4.

    Example:

    >>> float(load_balance([[1.0, 0.0], [0.0, 1.0]], [0, 1], 2)), float(load_balance([[1.0, 0.0]], [0], 2))
    (1.0, 2.0)
    """
    probabilities = ops.convert_to_tensor(probabilities, dtype="float32")
    if probabilities.shape[-1] != num:
        raise ValueError(
            f"probabilities must be [N, {num}]. Received: shape={tuple(probabilities.shape)}; give one column an expert"
        )
    assignment = ops.convert_to_tensor(assignment, dtype="int32")
    ones = ops.ones_like(probabilities[:, 0])
    size = ops.sum(ones)
    share = ops.divide_no_nan(ops.segment_sum(ones, assignment, num), size)
    mean = ops.divide_no_nan(ops.sum(probabilities, axis=0), size)
    return num * ops.sum(share * mean)
