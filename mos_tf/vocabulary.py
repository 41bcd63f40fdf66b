"""`Vocabulary`: strings ↔ ids, in the file format that TensorFlow Transform writes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from mos_tf.errors import DataError


class Vocabulary:
    """Maps strings to ids 0..V-1 in the order given, and everything else to the one out-of-vocabulary id V.

    The file is Transform's: UTF-8, one token a line, the line's number is the id. So a notebook and the
    pipeline share it.

    Args:
        tokens: distinct, non-empty strings without line breaks.

    Raises:
        DataError: a repeated, empty or multi-line token.

    Example:

    >>> vocabulary = Vocabulary.count(["tea", "milk", "tea", "jam"], min_count=1)
    >>> vocabulary.ids(["tea", "caviar"]).tolist(), vocabulary.num_ids
    ([0, 3], 4)
    """

    def __init__(self, tokens: Sequence[str]):
        self.tokens = tuple(tokens)
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self._ids) != len(self.tokens):
            token = next(token for token, count in Counter(self.tokens).items() if count > 1)
            raise DataError(f"vocabulary tokens must be distinct. Received twice: {token!r}")
        for token in self.tokens:
            if not token or "\n" in token or "\r" in token:
                raise DataError(f"a vocabulary token is a non-empty single line. Received: {token!r}")

    @classmethod
    def count(cls, values: Iterable[str], *, min_count: int = 1) -> "Vocabulary":
        """Returns the values seen at least `min_count` times, most frequent first, ties in order of the string."""
        return cls.from_counts(Counter(values), min_count)

    @classmethod
    def from_counts(cls, counts: Mapping[str, int], min_count: int = 1) -> "Vocabulary":
        """Returns the strings counted at least `min_count` times, in the order of `count`; "" is never a token."""
        kept = sorted((-count, token) for token, count in counts.items() if token and count >= min_count)
        return cls([token for _, token in kept])

    @classmethod
    def load(cls, path: str | Path) -> "Vocabulary":
        """Reads a vocabulary file written by `save` or by Transform."""
        text = Path(path).read_text(encoding="utf-8").removesuffix("\n")
        return cls(text.split("\n") if text else [])

    def save(self, path: str | Path) -> None:
        """Writes one token a line."""
        Path(path).write_text("".join(f"{token}\n" for token in self.tokens), encoding="utf-8")

    @property
    def num_ids(self) -> int:
        """V + 1: the tokens and the out-of-vocabulary id."""
        return len(self.tokens) + 1

    def ids(self, values: Iterable[str]) -> np.ndarray:
        """Returns int64 ids, V where the value is not in the vocabulary."""
        return np.fromiter((self._ids.get(value, len(self.tokens)) for value in values), dtype=np.int64)

    def table(self) -> tf.lookup.StaticHashTable:
        """Returns the same map as a TensorFlow lookup table, for `tf.data` and for exported graphs."""
        # "" is no token, so it may stand for the out-of-vocabulary id: TensorFlow refuses an empty table.
        initializer = tf.lookup.KeyValueTensorInitializer(
            tf.constant([*self.tokens, ""], tf.string), tf.range(self.num_ids, dtype=tf.int64)
        )
        return tf.lookup.StaticHashTable(initializer, default_value=len(self.tokens))
