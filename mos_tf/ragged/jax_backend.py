"""JAX's side of the seam: sizes are static upper bounds, so that `jax.jit` compiles every function once."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

INDEX = "int32"


def concrete(values: Any) -> Any:
    """Takes what a caller holds (a tensor, an array) as an array of the backend."""
    return values if isinstance(values, jax.Array) else jnp.asarray(np.asarray(values))


def count(values: Any) -> int:
    """Returns the size of the first axis; static."""
    return values.shape[0]


def bound(exact: Any, upper: int) -> int:
    """Returns the size to use where the exact one is known only when it runs: here its static upper bound."""
    return upper


def take(values: Any, index: Any) -> Any:
    """Returns values[index] along the first axis."""
    return jnp.take(values, index, axis=0, mode="clip")


def take_once(values: Any, index: Any, inverse: Any, *, everything: bool = False) -> Any:
    """Returns values[index]; XLA scatters well enough not to need the inverse."""
    return take(values, index)


def repeat(values: Any, counts: Any, total: Any) -> Any:
    """Returns each value `counts` times, [total], the last one also behind their end."""
    if total is None:
        if isinstance(counts, jax.core.Tracer):
            raise ValueError(
                "under jax.jit the number of (candidate, event) pairs must be static. "
                "Received: candidates with rows of their own; give each row one candidate (candidate_rows=None)"
            )
        total = int(counts.sum())
    return jnp.repeat(values, counts, total_repeat_length=total)


def segment_sum(values: Any, segments: Any, num_segments: int) -> Any:
    """Sums values [N, ...] by ascending segment, [num_segments, ...]; those of a segment beyond belong to none."""
    return jax.ops.segment_sum(values, segments, num_segments=num_segments, indices_are_sorted=True)


def spread(values: Any, segments: Any) -> Any:
    """Gives each of N its ascending segment's value, [S, ...] → [N, ...]."""
    return jnp.take(values, segments, axis=0, mode="clip", indices_are_sorted=True)


def weigh(weights: Any, values: Any) -> Any:
    """Sums each tile's values by weight, several weights a value: [B, T, H] and [B, T, d] → [B, H, d]."""
    return jnp.swapaxes(weights, 1, 2) @ values


def flat_nonzero(mask: Any) -> Any:
    """Returns the positions where a mask [N] is true, ascending, then N - 1 up to size N."""
    return jnp.nonzero(mask, size=mask.shape[0], fill_value=max(mask.shape[0] - 1, 0))[0]


def kept(mask: Any, splits: Any) -> tuple[Any, Any, Any]:
    """Says where the events go that a mask [N] keeps: (index [N], place [N], splits [R + 1])."""
    number = jnp.cumsum(mask.astype(splits.dtype))
    return flat_nonzero(mask), jnp.where(mask, number - 1, -1), take(jnp.pad(number, (1, 0)), splits)


def stable_argsort(keys: Any) -> Any:
    """Returns the order of integer keys in which equal ones keep theirs."""
    return jnp.argsort(keys, stable=True)


def joint_ids(rows: Any, ids: Any) -> tuple[Any, Any]:
    """Numbers the distinct (row, id) pairs by sorting: 32 bits could not hold row x id in one key."""
    order = jnp.lexsort((ids, rows))
    rows, ids = rows[order], ids[order]
    new = (rows[1:] != rows[:-1]) | (ids[1:] != ids[:-1])
    numbers = jnp.concatenate([jnp.zeros(1, jnp.int32), jnp.cumsum(new.astype(jnp.int32))])[: rows.shape[0]]
    return jnp.zeros_like(numbers).at[order].set(numbers), rows.shape[0]


def look_up(table: Any, ids: Any) -> Any:
    """Returns table[ids], any number of look-ups in a table of few numbers; XLA needs no help with its gradient."""
    return take(jnp.asarray(table), ids)


def agree(one: int, other: int, rule: str, way_out: str, then: Any) -> Any:
    """Returns `then` if two sizes, which are static, are equal, else raises ValueError."""
    if one != other:
        raise ValueError(f"{rule}. Received: {one} and {other}; {way_out}")
    return then


def at_most(limit: int, value: Any, rule: str, way_out: str, then: Any) -> Any:
    """Returns `then` if `value` <= `limit`, else raises ValueError; under `jax.jit`, from a callback."""

    def check(value: Any) -> None:
        if value > limit:
            raise ValueError(f"{rule}. Received: {int(value)}, limit {limit}; {way_out}")

    if isinstance(value, jax.core.Tracer):
        jax.debug.callback(check, value)
    else:
        check(value)
    return then
