"""Stable 64-bit hashes: every draw and every tie is decided by one, so all runners and machines make equal requests."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

_KEY = "mos-tf: requests"  # the 16 bytes that key the string hash; another key means other requests


def hash_strings(values: Iterable[str] | np.ndarray) -> np.ndarray:
    """Returns uint64 hashes of strings: the same on every machine, whatever PYTHONHASHSEED says."""
    strings = values if isinstance(values, np.ndarray) else list(values)
    return pd.util.hash_array(np.asarray(strings, dtype=np.object_), hash_key=_KEY)


def mix(first: int, *rest: int | np.integer | np.ndarray) -> np.ndarray:
    """Returns one uint64 hash of several integers, broadcast like arithmetic; their order matters.

    Example:

    >>> bool(mix(0, 1, 2) == mix(0, 2, 1))
    False
    """
    mixed = _splitmix(_bits(first))
    for part in rest:
        mixed = _splitmix(mixed ^ _bits(part))
    return mixed


def _bits(value: int | np.integer | np.ndarray) -> np.ndarray:
    """The value's 64 bits as unsigned, since times may be negative and hashes fill all of them."""
    if isinstance(value, int):
        return np.array(value % 2**64, dtype=np.uint64)
    return np.asarray(value).astype(np.uint64)


def _splitmix(bits: np.ndarray) -> np.ndarray:
    """The finalizer of SplitMix64 (Steele et al. 2014): a bijection in which every input bit moves half the output."""
    with np.errstate(over="ignore"):
        bits = bits + np.uint64(0x9E3779B97F4A7C15)
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return bits ^ (bits >> np.uint64(31))
