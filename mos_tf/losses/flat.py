"""`flat`: what arrives by candidate, as flat tensors of one dtype and one length."""

from typing import Any

from keras import ops


def flat(dtype: str, **arrays: Any) -> tuple[Any, ...]:
    """Returns each array as a tensor [M] of `dtype`, in the order given.

    Args:
        dtype: name of a float dtype.
        **arrays: name → M numbers in any shape, such as [M], [M, 1] or a list.

    Raises:
        ValueError: arrays of unequal length (as far as their shapes are known before they are computed), which a
            backend would broadcast or refuse without saying which.

    Example:

    >>> labels, logits = flat("float32", labels=[1, 0], logits=[[0.5], [0.25]])
    >>> [float(label) for label in labels], [float(logit) for logit in logits]
    ([1.0, 0.0], [0.5, 0.25])
    """
    tensors = {name: ops.reshape(ops.convert_to_tensor(array, dtype=dtype), [-1]) for name, array in arrays.items()}
    lengths = {name: tensor.shape[0] for name, tensor in tensors.items()}
    if len({length for length in lengths.values() if length is not None}) > 1:
        received = ", ".join(f"{name} of {length}" for name, length in lengths.items())
        raise ValueError(f"arrays must have one value a candidate. Received: {received}; flatten what is ragged first")
    return tuple(tensors.values())
