"""Selective scans: linear recurrences whose decay follows the input, over rows of any length in linear time.

    h_t = exp(Δ_t A) h_{t−1} + Δ_t B_t x_t        h = 0 before a row's first event
    y_t = C_t · h_t

A row's tiles are its chunks. What each tile adds to the state is a closed sum over its own slots; a scan over tiles,
T times fewer than events, carries the states; and only where every y_t is asked for does a recurrence walk through
the slots of all tiles at once. The gradients are written out, because the states of every event, inner x state
floats each, are what must not be kept: they are computed again.

References:
    Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023.
"""

from typing import Any

import numpy as np
from keras import ops

from mos_tf.ragged.backend import count, segment_sum, take, take_once
from mos_tf.ragged.tiles import Tiles


def selective_scan(tiles: Tiles, inputs: Any, delta: Any, decay: Any, write: Any, read: Any) -> Any:
    """Reads the state out at every event.

    Args:
        tiles: the rows.
        inputs: float32 [B, T, inner], x; finite also where there is no event.
        delta: float32 [B, T, inner], Δ, the positive step.
        decay: float32 [state, inner], A, negative.
        write: float32 [B, T, state], B.
        read: float32 [B, T, state], C.

    Returns:
        y, float32 [B, T, inner].

    Example:

    >>> import tensorflow as tf
    >>> from mos_tf.ragged import Rows, tile_rows
    >>> tiles = tile_rows(Rows(tf.zeros([4, 1]), tf.constant([0, 3, 4], tf.int64)), width=2)
    >>> ones = tf.ones([3, 2, 1])
    >>> y = selective_scan(tiles, ones, ones, tf.constant([[np.log(0.5)]], tf.float32), ones, ones)
    >>> tiles.join(y)[:, 0].numpy().tolist()
    [1.0, 1.5, 1.75, 1.0]
    """
    delta = tiles.mask(delta)
    scaled = delta * inputs
    before = tile_before(tiles, _states_after(tiles, scaled, delta, decay, write))
    return _read_out(before, scaled, delta, decay, write, read)


def final_states(tiles: Tiles, inputs: Any, delta: Any, decay: Any, write: Any) -> Any:
    """Returns the state after each row's last event, float32 [R, state, inner]; 0 for an empty row.

    Several times cheaper than `selective_scan`, whose arguments it takes: nothing walks through the slots.

    Example:

    >>> import tensorflow as tf
    >>> from mos_tf.ragged import Rows, tile_rows
    >>> tiles = tile_rows(Rows(tf.zeros([4, 1]), tf.constant([0, 3, 3, 4], tf.int64)), width=2)
    >>> ones = tf.ones([3, 2, 1])
    >>> final_states(tiles, ones, ones, tf.constant([[np.log(0.5)]], tf.float32), ones)[:, 0, 0].numpy().tolist()
    [1.75, 0.0, 1.0]
    """
    delta = tiles.mask(delta)
    states = _states_after(tiles, delta * inputs, delta, decay, write)
    last = ops.any(tiles.valid & (tiles.rank == 0), axis=1)
    return segment_sum(ops.where(last[:, None, None], states, 0.0), tiles.row, count(tiles.splits) - 1)


def tile_before(tiles: Tiles, values: Any) -> Any:
    """Returns what the tile before of the same row holds, [B, ...]; 0 for a row's first tile."""
    return _neighbour(values, *_places(tiles), -1)


def _states_after(tiles: Tiles, scaled: Any, delta: Any, decay: Any, write: Any) -> Any:
    """The state after each tile, [B, state, inner]."""
    width = delta.shape[1]
    later = ops.convert_to_tensor(np.triu(np.ones((width, width), np.float32), k=1))
    own = _tile_sums(ops.matmul(later, delta), scaled, decay, write)
    return _carry(tiles, ops.exp(ops.sum(delta, axis=1)[:, None] * decay), own)


def _tile_sums(after: Any, scaled: Any, decay: Any, write: Any) -> Any:
    """What each tile adds to the state at its end, [B, state, inner]: Σ_t exp(A after_t) B_t u_t.

    `after` [B, T, inner] sums the steps that follow a slot in its tile, so no exponent is positive. The components of
    the state do not meet, so they are taken one by one, each a matrix product over the slots.
    """

    @ops.custom_gradient
    def tile_sums(after: Any, scaled: Any, decay: Any, write: Any) -> tuple:
        rates, writes = ops.unstack(decay), ops.unstack(write, axis=2)
        sums = [
            ops.matmul(weights[:, None], ops.exp(after * rate) * scaled)[:, 0]
            for rate, weights in zip(rates, writes, strict=True)
        ]

        def gradient(*args: Any, upstream: Any = None) -> tuple:
            upstream = args[-1] if upstream is None else upstream
            of_scaled, of_exponent, of_decay, of_write = 0.0, 0.0, [], []
            aged = after * scaled
            for rate, weights, flow in zip(rates, writes, ops.unstack(upstream, axis=1), strict=True):
                faded = ops.exp(after * rate) * flow[:, None]
                of_write.append(ops.sum(faded * scaled, axis=2))
                written = faded * weights[..., None]
                of_scaled += written
                of_exponent += written * rate
                of_decay.append(ops.sum(written * aged, axis=(0, 1)))
            return of_exponent * scaled, of_scaled, ops.stack(of_decay), ops.stack(of_write, axis=2)

        return ops.stack(sums, axis=1), gradient

    return tile_sums(after, scaled, decay, write)


def _carry(tiles: Tiles, decays: Any, states: Any) -> Any:
    """H_b = decays_b ⊙ H_{b−1} + states_b along the tiles of each row; the gradient runs the other way."""
    place, left = _places(tiles)

    @ops.custom_gradient
    def carry(decays: Any, states: Any) -> tuple:
        carried = _accumulate(decays, states, place, -1)

        def gradient(*args: Any, upstream: Any = None) -> tuple:
            upstream = args[-1] if upstream is None else upstream
            flow = _accumulate(_neighbour(decays, left, place, 1), upstream, left, 1)
            return flow * _neighbour(carried, place, left, -1), flow

        return carried, gradient

    return carry(decays, states)


def _accumulate(decays: Any, states: Any, place: Any, direction: int) -> Any:
    """Solves the recurrence over tiles by doubling the reach: log2(tiles of the longest row) steps.

    Args:
        decays: [B, state, inner].
        states: [B, state, inner].
        place: int [B], how many tiles of the row come before, in the recurrence's own direction.
        direction: -1 where the recurrence reads the tile before, 1 where it reads the one behind.
    """
    index = ops.arange(count(place), dtype=place.dtype)

    def double(reach: Any, decays: Any, states: Any) -> tuple:
        source = ops.where(place >= reach, index + direction * reach, index)
        reached = ops.where((place >= reach)[:, None, None], take(states, source), 0.0)
        return 2 * reach, decays * take(decays, source), states + decays * reached

    start = ops.ones((), dtype=place.dtype)
    farthest = ops.max(place, initial=0)
    return ops.while_loop(lambda reach, *_: reach <= farthest, double, (start, decays, states))[2]


def _read_out(before: Any, scaled: Any, delta: Any, decay: Any, write: Any, read: Any) -> Any:
    """y_t = C_t · h_t, [B, T, inner], from the state before each tile: T steps, each over all tiles at once."""

    @ops.custom_gradient
    def read_out(before: Any, *slots: Any) -> tuple:
        scaled, delta, write, read = (ops.transpose(values, (1, 0, 2)) for values in slots[:4])
        decay = slots[4]

        def walk() -> Any:
            """The state after every slot, [T, B, state, inner]."""

            def step(state: Any, slot: tuple) -> tuple:
                scaled, delta, write = slot
                state = ops.exp(delta[:, None] * decay) * state + write[..., None] * scaled[:, None]
                return state, state

            return ops.scan(step, before, (scaled, delta, write))[1]

        def gradient(*args: Any, upstream: Any = None) -> tuple:
            upstream = ops.transpose(args[-1] if upstream is None else upstream, (1, 0, 2))

            def step(flow: Any, slot: tuple) -> tuple:
                upstream, read, delta_behind = slot
                flow = ops.exp(delta_behind[:, None] * decay) * flow + read[..., None] * upstream[:, None]
                return flow, flow

            # The same recurrence from the last slot to the first; nothing flows into a tile's end but through `carry`.
            behind = ops.concatenate([delta[1:], ops.zeros_like(delta[:1])])
            flows = ops.scan(step, ops.zeros_like(before), (upstream, read, behind), reverse=True)[1]
            states = walk()
            faded = flows * ops.exp(delta[:, :, None] * decay)
            of_before = faded[0]
            of_exponent = faded * ops.concatenate([before[None], states[:-1]])
            by_slot = (
                ops.matmul(write[:, :, None], flows)[:, :, 0],
                ops.sum(of_exponent * decay, axis=2),
                ops.matmul(flows, scaled[..., None])[..., 0],
                ops.matmul(states, upstream[..., None])[..., 0],
            )
            of_decay = ops.sum(of_exponent * delta[:, :, None], axis=(0, 1))
            return (of_before, *(ops.transpose(values, (1, 0, 2)) for values in by_slot), of_decay)

        outputs = ops.matmul(read[:, :, None], walk())[:, :, 0]
        return ops.transpose(outputs, (1, 0, 2)), gradient

    return read_out(before, scaled, delta, write, read, decay)


def _places(tiles: Tiles) -> tuple[Any, Any]:
    """How many tiles of its row come before each tile and how many behind it, both int [B]."""
    index = ops.arange(count(tiles.row), dtype=tiles.row.dtype)
    return index - take(tiles.splits, tiles.row), take(tiles.splits, tiles.row + 1) - 1 - index


def _neighbour(values: Any, place: Any, left: Any, direction: int) -> Any:
    """values[b + direction] where that tile is of the same row, else 0; `place` and `left` as seen in the direction."""
    index = ops.arange(count(place), dtype=place.dtype)
    found = take_once(
        values, ops.where(place > 0, index + direction, index), ops.where(left > 0, index - direction, -1)
    )
    exists = ops.reshape(place > 0, (-1, *([1] * (len(values.shape) - 1))))
    return ops.where(exists, found, ops.zeros_like(found))
