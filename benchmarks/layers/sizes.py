"""`Sizes`: how large a run is; small ones for trying the benchmark itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """What the cases are measured on.

    Args:
        dim: width of events and candidates.
        batch: requests of a training step.
        quadratic_batch: of a training step where padded tensors grow with the square of the longest, or with a state.
        median: of the log-normal lengths.
        cap: of the log-normal lengths.
        events: of one history where all are equally long.
        more_events: of ten times as long a one.
        many_events: of one very long history.
        candidates: of one request with many.
        users: whose generated clicks the router is adapted on.
        repeats: rounds; medians are over them.
        least_seconds: what a side runs for in one round, by repeating short steps.
    """

    dim: int = 64
    batch: int = 256
    quadratic_batch: int = 16
    median: int = 150
    cap: int = 2_000
    events: int = 1_000
    more_events: int = 10_000
    many_events: int = 100_000
    candidates: int = 500
    users: int = 5_000
    repeats: int = 7
    least_seconds: float = 0.1


FULL = Sizes()
QUICK = Sizes(
    dim=8,
    batch=4,
    quadratic_batch=4,
    median=8,
    cap=40,
    events=60,
    more_events=600,
    many_events=5_000,
    candidates=5,
    users=100,
    repeats=1,
    least_seconds=0.0,
)
