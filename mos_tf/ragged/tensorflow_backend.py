"""TensorFlow's side of the seam: sizes are exact and dynamic."""

from typing import Any

import tensorflow as tf

INDEX = "int64"


def concrete(values: Any) -> Any:
    """Takes what a caller holds (a tensor, an array) as a tensor of the backend."""
    return tf.convert_to_tensor(values)


def count(values: Any) -> Any:
    """Returns the size of the first axis, a scalar of dtype INDEX."""
    return tf.shape(values, out_type=tf.int64)[0]


def bound(exact: Any, upper: Any) -> Any:
    """Returns the size to use where the exact one is known only when it runs: here the exact one."""
    return exact


def take(values: Any, index: Any) -> Any:
    """Returns values[index] along the first axis."""
    return tf.gather(values, index)


def take_once(values: Any, index: Any, inverse: Any, *, everything: bool = False) -> Any:
    """Returns values[index] where no value is taken twice, with a gradient that is a look-up instead of a scatter.

    Args:
        values: [N, ...].
        index: int [...]; slots that nobody reads may repeat a value.
        inverse: int [N], the (flat) position in `index` that holds each value; -1 where a value is not taken.
        everything: says that every value is taken.
    """

    @tf.custom_gradient
    def taken(values: tf.Tensor) -> tuple:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            rank = index.shape.rank
            flat = tf.reshape(upstream, tf.concat([[-1], tf.shape(upstream)[rank:]], axis=0))
            if everything:
                return tf.gather(flat, inverse)
            found = tf.gather(tf.pad(flat, [[1, 0]] + [[0, 0]] * (flat.shape.rank - 1)), inverse + 1)
            return found

        return tf.gather(values, index), gradient

    return taken(values)


def repeat(values: Any, counts: Any, total: Any) -> Any:
    """Returns each value `counts` times, [total].

    `tf.repeat` builds a mask of rows x longest row; this costs rows + total.
    """
    total = tf.reduce_sum(counts) if total is None else total
    ends = tf.cumsum(counts)[:-1]
    starts = tf.math.unsorted_segment_sum(tf.ones_like(ends), ends, total + 1)
    return tf.gather(values, tf.cumsum(starts)[:-1])


def segment_sum(values: Any, segments: Any, num_segments: Any) -> Any:
    """Sums values [N, ...] by segment, [num_segments, ...].

    The segments ascend, which makes it some four times faster than `unsorted_segment_sum`.

    Args:
        values: [N, ...].
        segments: int [N], ascending; any may be left out.
        num_segments: how many there are.
    """
    sums = tf.math.segment_sum(values, segments)  # as many as the last segment tells
    behind = num_segments - tf.shape(sums, out_type=tf.int64)[0]
    return tf.pad(sums, [[0, behind]] + [[0, 0]] * (values.shape.rank - 1))


def spread(values: Any, segments: Any) -> Any:
    """Gives each of N its segment's value, [S, ...] → [N, ...]: `take`, with the gradient of `segment_sum`.

    Args:
        values: [S, ...].
        segments: int [N], ascending.
    """

    @tf.custom_gradient
    def taken(values: tf.Tensor) -> tuple:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return segment_sum(upstream, segments, count(values))

        return tf.gather(values, segments), gradient

    return taken(values)


def weigh(weights: Any, values: Any) -> Any:
    """Sums each tile's values by weight, several weights a value: [B, T, H] and [B, T, d] → [B, H, d].

    Written as `transpose` and `matmul`, its gradient would keep the transposed copy, and transpose bools one by one.
    """
    return tf.matmul(weights, values, transpose_a=True)


def kept(mask: Any, splits: Any) -> tuple[Any, Any, Any]:
    """Says where the events go that a mask keeps. A running sum over all of them would be slower.

    Args:
        mask: bool [N].
        splits: int [R + 1], their rows.

    Returns:
        (index, place, splits): int [N'] in [0, N), ascending; int [N], the new place of each event, -1 where it is left
        out; int [R + 1].
    """
    index = flat_nonzero(mask)
    nowhere = tf.fill(tf.shape(mask), tf.constant(-1, index.dtype))
    place = tf.tensor_scatter_nd_update(nowhere, index[:, None], tf.range(count(index)))
    return index, place, tf.searchsorted(index, splits, out_type=splits.dtype)


def flat_nonzero(mask: Any) -> Any:
    """Returns the positions where a mask [N] is true, ascending."""
    return tf.where(mask)[:, 0]


def stable_argsort(keys: Any) -> Any:
    """Returns the order of integer keys in which equal ones keep theirs."""
    size = tf.shape(keys, out_type=keys.dtype)[0]
    return tf.argsort(keys * size + tf.range(size))  # the position breaks ties whatever the sort does with them


def joint_ids(rows: Any, ids: Any) -> tuple[Any, Any]:
    """Numbers the distinct (row, id) pairs.

    Args:
        rows: int [N]; non-negative.
        ids: int [N], any.

    Returns:
        (numbers, total): int [N] in [0, total), equal where row and id are; total is an upper bound on JAX.
    """
    # Ids are numbered first: beside a hash of 63 bits no row fits into one key.
    distinct, ids = tf.unique(ids, out_idx=rows.dtype)
    width = tf.shape(distinct, out_type=rows.dtype)[0]
    distinct, numbers = tf.unique(rows * width + ids, out_idx=tf.int64)
    return numbers, tf.shape(distinct, out_type=tf.int64)[0]


def look_up(table: Any, ids: Any) -> Any:
    """Returns table[ids], any number of look-ups in a table of few numbers.

    The gradient counts into bins (2 ns a look-up) instead of scattering (20 ns).

    Args:
        table: float32 or float64 [n].
        ids: int [...], in [0, n).
    """

    @tf.custom_gradient
    def looked_up(table: tf.Tensor) -> tuple:
        size = table.shape[0]

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            flat = tf.cast(tf.reshape(ids, [-1]), tf.int32)
            return tf.math.bincount(flat, tf.reshape(upstream, [-1]), minlength=size, maxlength=size)

        return tf.gather(table, ids), gradient

    return looked_up(tf.convert_to_tensor(table))


def agree(one: Any, other: Any, rule: str, way_out: str, then: Any) -> Any:
    """Returns `then` if two sizes are equal, else raises InvalidArgumentError when it runs."""
    equal = tf.debugging.Assert(one == other, [f"{rule}. Received:", one, "and", other, f"; {way_out}"])
    with tf.control_dependencies([] if equal is None else [equal]):
        return tf.identity(then)


def at_most(limit: int, value: Any, rule: str, way_out: str, then: Any) -> Any:
    """Returns `then` if `value` <= `limit`, else raises InvalidArgumentError when it runs, also where it is served."""
    fits = tf.debugging.Assert(value <= limit, [f"{rule}. Received:", value, f"limit {limit}; {way_out}"])
    with tf.control_dependencies([] if fits is None else [fits]):
        return tf.identity(then)
