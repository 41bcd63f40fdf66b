import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.ragged import Rows, splits_of, tile_rows
from mos_tf.ragged.backend import look_up
from mos_tf.ragged.limit import refuse_longer
from mos_tf.ragged.tile_attention import (
    merge_heads,
    pair_tiles,
    quadratic_tiles,
    silu_attention,
    softmax_attention,
    split_heads,
)

lengths = st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any)
HEADS, WIDTH = 2, 3


def attend(values: tf.Tensor, sizes: list[int], tile: int, kind: str) -> tf.Tensor:
    """Attention of events [N, 3 · heads · width] (queries, keys, values) to their rows, back in flat form."""
    rows = Rows(values, splits_of(tf.constant(sizes, tf.int64)))
    tiles = tile_rows(rows, tile)
    queries, keys, contents = (split_heads(x, HEADS) for x in tf.split(tiles.cut(values), 3, axis=2))
    pairs = pair_tiles(tiles.splits, len(tiles.row), most_tiles=max(sizes))
    if kind == "softmax":
        return tiles.join(merge_heads(softmax_attention(queries, keys, contents, tiles.valid, pairs)))
    bias = tf.zeros([len(pairs.query), tile, tile])
    return tiles.join(merge_heads(silu_attention(queries, keys, contents, bias, tiles.valid, pairs)))


def attend_slowly(values: np.ndarray, sizes: list[int], kind: str) -> np.ndarray:
    out = np.zeros((len(values), HEADS * WIDTH))
    ends = np.cumsum(sizes)
    for begin, end in zip(ends - sizes, ends, strict=True):
        queries, keys, contents = np.split(values[begin:end], 3, axis=1)
        for head in range(HEADS):
            part = slice(head * WIDTH, (head + 1) * WIDTH)
            scores = queries[:, part] @ keys[:, part].T
            weights = np.exp(scores / np.sqrt(WIDTH)) if kind == "softmax" else scores / (1 + np.exp(-scores))
            total = weights.sum(axis=1, keepdims=True) if kind == "softmax" else 1.0
            out[begin:end, part] = weights / total @ contents[:, part]
    return out


@pytest.mark.parametrize("kind", ["softmax", "silu"])
@given(lengths, st.integers(1, 5))
def test_attention_by_tiles_is_attention_within_each_row(kind, sizes, tile):
    values = np.random.default_rng(sum(sizes)).normal(size=(sum(sizes), 3 * HEADS * WIDTH)).astype(np.float32)
    np.testing.assert_allclose(
        attend(tf.constant(values), sizes, tile, kind), attend_slowly(values, sizes, kind), atol=1e-5
    )


def test_softmax_attention_survives_scores_whose_exponentials_overflow():
    values = tf.ones([4, 3 * HEADS * WIDTH]) * tf.constant([[100.0], [200.0], [-100.0], [0.0]])
    attended = attend(values, [2, 2], 2, "softmax")
    np.testing.assert_allclose(attended[:, 0], [200.0, 200.0, -100.0, -50.0])


@given(lengths, st.integers(1, 4), st.booleans())
def test_every_query_tile_meets_the_tiles_of_its_row_and_no_later_one_if_causal(sizes, tile, causal):
    tiles = tile_rows(Rows(tf.zeros([sum(sizes)]), splits_of(tf.constant(sizes, tf.int64))), tile)
    pairs = pair_tiles(tiles.splits, len(tiles.row), most_tiles=9, causal=causal)
    row = tiles.row.numpy()
    expected = [(q, k) for q in range(len(row)) for k in range(len(row)) if row[q] == row[k] and (k <= q or not causal)]
    assert list(zip(pairs.query.numpy(), pairs.key.numpy(), strict=True)) == expected


@given(st.integers(1, 4096))
def test_tiles_of_a_window_hold_it_evenly(most_events):
    width, tiles = quadratic_tiles(most_events, widest=64)
    assert width <= 64
    assert (tiles - 1) * width < most_events <= tiles * width < most_events + tiles


def test_looking_up_has_the_gradient_of_counting():
    ids = tf.constant([[0, 2], [2, 2]])
    table = tf.constant([1.0, 5.0, 3.0])
    with tf.GradientTape() as tape:
        tape.watch(table)
        looked_up = look_up(table, ids)
        loss = tf.reduce_sum(looked_up * [[1.0, 2.0], [3.0, 4.0]])
    assert looked_up.numpy().tolist() == [[1.0, 3.0], [3.0, 3.0]]
    assert tape.gradient(loss, table).numpy().tolist() == [1.0, 0.0, 9.0]


def test_rows_up_to_the_limit_pass_and_longer_ones_are_named():
    assert refuse_longer(tf.constant([0, 3, 3], tf.int64), 3).numpy().tolist() == [0, 3, 3]
    assert refuse_longer(tf.constant([0], tf.int64), 3).numpy().tolist() == [0]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)Received:.*4.*limit.*3.*max_events"):
        refuse_longer(tf.constant([0, 4], tf.int64), 3)
