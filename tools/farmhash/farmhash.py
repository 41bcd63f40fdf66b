"""The two functions of pyfarmhash that TensorFlow Data Validation calls, without its C++ extension.

pyfarmhash is published as source only, so installing it takes a C++ compiler and Python's headers. Results equal the
original's; the work is done once per feature name, so speed does not matter.

Ported from FarmHash, Copyright (c) 2014 Google, Inc., under the MIT license (see NOTICE).
"""

import struct

C1 = 0xCC9E2D51
C2 = 0x1B873593
MASK = 0xFFFFFFFF


def fingerprint32(text: str) -> int:
    """Returns FarmHash's `Fingerprint32` of the text in UTF-8."""
    data = text.encode()
    if len(data) <= 4:
        return _hash_0_to_4(data)
    if len(data) <= 12:
        return _hash_5_to_12(data)
    if len(data) <= 24:
        return _hash_13_to_24(data)
    return _hash_long(data)


def fingerprint64(text: str) -> int:
    """Returns FarmHash's `Fingerprint64` of the text in UTF-8."""
    import tensorflow as tf

    return int.from_bytes(tf.fingerprint([text.encode()]).numpy().tobytes(), "little")


def _hash_0_to_4(data: bytes) -> int:
    b, c = 0, 9
    for (signed,) in struct.iter_unpack("b", data):
        b = b * C1 + signed & MASK
        c ^= b
    return _finish(_mix(b, _mix(len(data), c)))


def _hash_5_to_12(data: bytes) -> int:
    size = len(data)
    a = size + _fetch(data, 0)
    b = size * 5 + _fetch(data, size - 4)
    c = 9 + _fetch(data, size >> 1 & 4)
    return _finish(_mix(c, _mix(b, _mix(a, size * 5))))


def _hash_13_to_24(data: bytes) -> int:
    size = len(data)
    a, b, c, d, e, f = (_fetch(data, at) for at in ((size >> 1) - 4, 4, size - 8, size >> 1, 0, size - 4))
    h = d * C1 + size
    a = _rotate(a, 12) + f
    h = _mix(c, h) + a
    a = _rotate(a, 3) + c
    h = _mix(e, h) + a
    a = _rotate(a + f, 12) + d
    h = _mix(b, h) + a
    return _finish(h)


def _hash_long(data: bytes) -> int:
    size = len(data)
    h, g, f = size, C1 * size, C1 * size
    h = _step(_step(h, _scramble(data, size - 4)), _scramble(data, size - 16))
    g = _step(_step(g, _scramble(data, size - 8)), _scramble(data, size - 12))
    f = _rotate(f + _scramble(data, size - 20), 19) + 113
    for start in range(0, size - 1 - (size - 1) % 20, 20):
        a, b, c, d, e = struct.unpack_from("<5I", data, start)
        h, g, f = h + a, g + b, f + c
        h = _mix(d, h) + e
        g = _mix(c, g) + a
        f = _mix(b + e * C1, f) + d
        f += g
        g += f
    g, f = (_rotate(_rotate(word, 11) * C1, 17) * C1 for word in (g, f))
    for word in (g, f):
        h = _rotate(h + word, 19) * 5 + 0xE6546B64
        h = _rotate(h, 17) * C1
    return h & MASK


def _fetch(data: bytes, at: int) -> int:
    return struct.unpack_from("<I", data, at)[0]


def _rotate(word: int, bits: int) -> int:
    word &= MASK
    return (word >> bits | word << 32 - bits) & MASK


def _scramble(data: bytes, at: int) -> int:
    return _rotate(_fetch(data, at) * C1, 17) * C2


def _step(h: int, word: int) -> int:
    return _rotate(h ^ word, 19) * 5 + 0xE6546B64


def _mix(word: int, h: int) -> int:
    return _step(h, _rotate(word * C1, 17) * C2) & MASK


def _finish(h: int) -> int:
    h &= MASK
    h = (h ^ h >> 16) * 0x85EBCA6B & MASK
    h = (h ^ h >> 13) * 0xC2B2AE35 & MASK
    return h ^ h >> 16
