"""What each part of MoS is worth: every ablation beside the whole that it changes, and beside a nearer row."""

from collections.abc import Iterator

from mos_tf.study.tables import Comparison, Grid, runs_of
from mos_tf.study.variants import AS_PUBLISHED

WHOLE = "MoS + affinity"
_LEARNED_ON = f"{AS_PUBLISHED}, learned on from co-occurrence"
# Rows that change two things are told apart by the one they have in common.
FURTHER = {
    f"{AS_PUBLISHED}, 8 themes, own weights for each": f"{AS_PUBLISHED}, 8 themes",
    f"{AS_PUBLISHED}, learned on, no session loss": _LEARNED_ON,
    f"{AS_PUBLISHED}, learned on, no codebook loss": _LEARNED_ON,
    f"{AS_PUBLISHED}, learned on, balanced": _LEARNED_ON,
}


def compared_with(row: str) -> Iterator[str]:
    """Yields what an ablation is compared with: the whole that it changes, and what it changes once more."""
    if row != WHOLE:
        yield AS_PUBLISHED if row.startswith(f"{AS_PUBLISHED}, ") else WHOLE
    if row in FURTHER:
        yield FURTHER[row]


def comparisons(grid: Grid) -> list[Comparison]:
    """Returns every row and what it is compared with, encoder by encoder, and the whole with the peers there are."""
    found: list[Comparison] = []
    for encoder, rows in grid.items():
        if not encoder or WHOLE not in rows:
            continue
        found += [
            (f"{encoder}: {row} − {other}", [(runs_of(runs), runs_of(rows[other]))])
            for row, runs in rows.items()
            for other in compared_with(row)
            if other in rows
        ]
        found += [
            (f"{encoder}: {WHOLE} − {peer}", [(runs_of(rows[WHOLE]), runs_of(runs))])
            for peer, runs in grid.get("", {}).items()
        ]
    return found
