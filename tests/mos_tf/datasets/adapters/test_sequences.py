import numpy as np
import pyarrow as pa

from mos_tf.datasets.adapters.sequences import Sequences


def left(sequences, at_once=10):
    return [tuple(int(x) for x in row) for chunk in sequences.left(at_once) for row in zip(*chunk, strict=True)]


def test_places_are_taken_by_the_item_that_stands_there_and_by_no_other():
    sequences = Sequences(pa.array([[5, 6], None, [], [7]]))
    sequences.take(np.array([0, 0, 0, 3, 1]), np.array([0, 1, 2, -1, 0]), np.array([5, 9, 7, 7, 7]))
    assert left(sequences) == [(0, 1, 6), (3, 0, 7)]


def test_padding_is_no_item_but_keeps_its_place():
    assert left(Sequences(pa.array([[0, 8, 0]]))) == [(0, 1, 8)]


def test_chunks_hold_the_same_places():
    sequences = Sequences(pa.array([[1, 2, 3], [4, 5]]))
    assert left(sequences, at_once=2) == left(sequences) == [(0, 0, 1), (0, 1, 2), (0, 2, 3), (1, 0, 4), (1, 1, 5)]
