"""`Selection`: some events of a batch in new rows: the recent ones, those of a theme, or all of them regrouped."""

from typing import Any, NamedTuple

from keras import ops

from mos_tf.ragged.backend import bound, count, flat_nonzero, joint_ids, kept, stable_argsort, take, take_once
from mos_tf.ragged.rows import Rows, rank_from_end, splits_of


class Selection(NamedTuple):
    """Which of N events stand where in R' new rows, each at most once.

    Attributes:
        index: int [N'], the event in each new place, row after row.
        place: int [N], the new place of each event; -1 where it was left out.
        splits: int [R' + 1], the new rows.
    """

    index: Any
    place: Any
    splits: Any

    def rows(self, values: Any) -> Rows:
        """Returns the selected values [N, ...] as rows; gradients flow back by look-up, not by scattering."""
        return Rows(take_once(values, self.index, self.place), self.splits)

    def restore(self, values: Any) -> Any:
        """Puts values [N', ...] of the new rows back in their original places, [N, ...]; 0 where left out."""
        return take_once(ops.pad(values, [[1, 0]] + [[0, 0]] * (len(values.shape) - 1)), self.place + 1, self._behind)

    @property
    def _behind(self) -> Any:
        """Where `restore` reads each padded value: nowhere the padding, then each value at its event."""
        return ops.pad(self.index, [[1, 0]], constant_values=-1)


def keep(rows: Rows, mask: Any) -> Selection:
    """Keeps the events where `mask` [N] is true, in their rows and order.

    Example:

    >>> import tensorflow as tf
    >>> rows = Rows(tf.constant([1., 2., 3., 4.]), tf.constant([0, 3, 4], tf.int64))
    >>> kept = keep(rows, rows.values != 2.0).rows(rows.values)
    >>> kept.values.numpy().tolist(), kept.splits.numpy().tolist()
    ([1.0, 3.0, 4.0], [0, 2, 3])
    """
    return Selection(*kept(mask, rows.splits))


def rows_where(rows: Rows, mask: Any) -> Selection:
    """Keeps whole rows, where `mask` [R] is true; the others are gone, not empty.

    On JAX the new rows are as many as before, the last ones empty.

    Example:

    >>> import tensorflow as tf
    >>> rows = Rows(tf.constant([1., 2., 3., 4.]), tf.constant([0, 3, 3, 4], tf.int64))
    >>> some = rows_where(rows, tf.constant([False, True, True])).rows(rows.values)
    >>> some.values.numpy().tolist(), some.splits.numpy().tolist()
    ([4.0], [0, 0, 1])
    """
    index, place, splits = kept(take(mask, rows.ids) & _existing(rows), rows.splits)
    chosen = flat_nonzero(mask)
    there = ops.arange(count(chosen), dtype=splits.dtype) < ops.sum(ops.cast(mask, splits.dtype))
    starts = ops.where(there, take(splits, chosen), splits[-1])
    return Selection(index, place, ops.concatenate([starts, splits[-1:]]))


def last_events(rows: Rows, n: int) -> Selection:
    """Keeps the last `n` events of each row (the whole row where it is shorter).

    Example:

    >>> import tensorflow as tf
    >>> rows = Rows(tf.constant([1., 2., 3., 4.]), tf.constant([0, 3, 4], tf.int64))
    >>> last_events(rows, 2).rows(rows.values).values.numpy().tolist()
    [2.0, 3.0, 4.0]
    """
    rank = rank_from_end(rows.splits, count(rows.values))
    return keep(rows, (rank >= 0) & (rank < n))


def regroup_rows(rows: Rows, groups: Any, num_groups: int) -> Selection:
    """Splits each row into one subsequence a group, order kept within each; `restore` is the way back.

        row r, group k  →  row r · num_groups + k

    Args:
        rows: R sequences of N events.
        groups: int [N], the group of each event, in [0, num_groups).
        num_groups: K.

    Example:

    >>> import tensorflow as tf
    >>> rows = Rows(tf.constant([1., 2., 3., 4.]), tf.constant([0, 3, 4], tf.int64))
    >>> regrouped = regroup_rows(rows, tf.constant([1, 0, 1, 0]), 2)
    >>> by_group = regrouped.rows(rows.values)
    >>> by_group.values.numpy().tolist(), by_group.splits.numpy().tolist()
    ([2.0, 1.0, 3.0, 4.0], [0, 1, 3, 4, 4])
    >>> regrouped.restore(by_group.values).numpy().tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    num_slots = rows.num_rows * num_groups
    slots = rows.ids * num_groups + ops.cast(groups, rows.splits.dtype)
    return _by_slot(slots, _existing(rows), num_slots)


def matching_rows(rows: Rows, groups: Any, candidate_groups: Any, candidate_rows: Any = None) -> tuple[Selection, Any]:
    """Selects, for each candidate, the events of its row that are in the candidate's own group.

    Events that no candidate asks for are left out, so that cost follows what is looked at; candidates of one row that
    ask for the same group share a sequence.

    Args:
        rows: R sequences of N events.
        groups: int [N], the group of each event, non-negative.
        candidate_groups: int [M], the group each candidate asks for.
        candidate_rows: int [M], the row each candidate looks at; None: candidate c looks at row c.

    Returns:
        (selection, candidate_rows): the new rows, and the one each candidate now looks at (None: candidate c at row c).

    Example:

    >>> import tensorflow as tf
    >>> rows = Rows(tf.constant([1., 2., 3., 4.]), tf.constant([0, 3, 4], tf.int64))
    >>> selection, _ = matching_rows(rows, tf.constant([1, 0, 1, 0]), tf.constant([1, 1]))
    >>> matching = selection.rows(rows.values)
    >>> matching.values.numpy().tolist(), matching.splits.numpy().tolist()
    ([1.0, 3.0], [0, 2, 2])
    """
    index = rows.splits.dtype
    groups, candidate_groups = ops.cast(groups, index), ops.cast(candidate_groups, index)
    if candidate_rows is None:
        return keep(rows, (groups == take(candidate_groups, rows.ids)) & _existing(rows)), None
    num_candidates = count(candidate_groups)
    numbers, total = joint_ids(ops.concatenate([candidate_rows, rows.ids]), ops.concatenate([candidate_groups, groups]))
    asked = ops.scatter_update(
        ops.zeros((total,), dtype=index), numbers[:num_candidates, None], ops.ones_like(candidate_groups)
    )
    slot = ops.cumsum(asked) - 1  # of each (row, group) that is asked for
    wanted, found = take(slot, numbers[:num_candidates]), numbers[num_candidates:]
    matched = (take(asked, found) > 0) & _existing(rows)
    return _by_slot(take(slot, found), matched, bound(ops.sum(asked), num_candidates)), wanted


def _existing(rows: Rows) -> Any:
    """Returns bool [N], false behind the last row."""
    return ops.arange(count(rows.values), dtype=rows.splits.dtype) < rows.splits[-1]


def _by_slot(slots: Any, selected: Any, num_slots: Any) -> Selection:
    """Orders the selected events by slot, their own order kept; what is left out comes behind all slots."""
    slots = ops.where(selected, slots, num_slots)
    order = stable_argsort(slots)
    lengths = ops.segment_sum(ops.ones_like(slots), slots, num_segments=num_slots + 1)[:-1]
    splits = splits_of(lengths)
    place = stable_argsort(order)
    return Selection(order[: bound(splits[-1], count(slots))], ops.where(selected, place, -1), splits)
