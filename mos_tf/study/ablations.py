"""What each part of MoS is worth: every ablation beside the whole, and beside the row that it changes once more."""

from mos_tf.study.tables import Comparison, Grid, runs_of

WHOLE = "MoS + affinity"
# Rows that change two things are told apart by the one they have in common.
FURTHER = {
    "without affinity and global expert": "without affinity",
    "without affinity and short-term expert": "without affinity",
    "without affinity and theme expert": "without affinity",
    "own weights for each theme": "8 themes",
    "learned on, no session loss": "learned on from co-occurrence",
    "learned on, no codebook loss": "learned on from co-occurrence",
    "learned on, balanced": "learned on from co-occurrence",
}


def comparisons(grid: Grid) -> list[Comparison]:
    """Returns every row to compare with the whole, encoder by encoder, and the whole with the peers there are."""
    found: list[Comparison] = []
    for encoder, rows in grid.items():
        if not encoder or WHOLE not in rows:
            continue
        whole = runs_of(rows[WHOLE])
        found += [
            (f"{encoder}: {row} − {WHOLE}", [(runs_of(runs), whole)]) for row, runs in rows.items() if row != WHOLE
        ]
        found += [
            (f"{encoder}: {row} − {other}", [(runs_of(rows[row]), runs_of(rows[other]))])
            for row, other in FURTHER.items()
            if row in rows and other in rows
        ]
        found += [(f"{encoder}: {WHOLE} − {peer}", [(whole, runs_of(runs))]) for peer, runs in grid.get("", {}).items()]
    return found
