"""What is published about a data set, as data, and how far a user's files are from it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from mos_tf.datasets.config import SplitTimes

_HOUR = 3_600


@dataclass(frozen=True)
class Statistics:
    """The size of a data set; None is what is not known.

    Args:
        users: users with at least one sample.
        items: items described.
        samples: impressions; events where nobody recorded what was shown.
        positive_share: clicked share of the impressions, 0 to 1.
    """

    users: int | None = None
    items: int | None = None
    samples: int | None = None
    positive_share: float | None = None


@dataclass(frozen=True)
class TimeQuantiles:
    """A split by time that is given as shares of the samples: train, then eval, then test.

    Args:
        train: share of the samples before eval begins.
        eval: share of the samples before test begins.
    """

    train: float = 0.8
    eval: float = 0.9

    def times(self, samples_by_hour: Mapping[int, int]) -> SplitTimes:
        """Returns the split to the hour; each part lasts one at least.

        Args:
            samples_by_hour: hours since 1970 → samples; not empty.

        Example:

        >>> TimeQuantiles(train=0.5, eval=0.75).times({0: 2, 1: 1, 2: 1})
        SplitTimes(train_start=0, train_end=3600, eval_end=7200, test_end=10800)
        """
        total, before = sum(samples_by_hour.values()), 0
        hours = sorted(samples_by_hour)
        times = [hours[0] * _HOUR]
        wanted = [self.train * total, self.eval * total, total]
        for hour in hours:
            before += samples_by_hour[hour]
            while len(times) <= len(wanted) and before >= wanted[len(times) - 1]:
                times.append(max((hour + 1) * _HOUR, times[-1] + _HOUR))
        return SplitTimes(**dict(zip(SplitTimes.model_fields, times, strict=True)))


@dataclass(frozen=True)
class Published:
    """What the literature says of a data set.

    Args:
        statistics: its size.
        split: where train, eval and test part.
        source: where both come from, in a sentence.
    """

    statistics: Statistics
    split: SplitTimes | TimeQuantiles
    source: str


def relative_differences(found: Statistics, published: Statistics) -> dict[str, float]:
    """Returns (found - published) / published of every statistic that both know.

    Example:

    >>> relative_differences(Statistics(users=99, samples=7), Statistics(users=100, items=3))
    {'users': -0.01}
    """
    pairs = {f.name: (getattr(found, f.name), getattr(published, f.name)) for f in fields(Statistics)}
    return {name: (ours - theirs) / theirs for name, (ours, theirs) in pairs.items() if None not in (ours, theirs)}
