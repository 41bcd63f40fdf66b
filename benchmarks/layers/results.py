"""What a case finds: rows of a number, the bar it is held against, and what it was made of."""

import operator
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np

_COMPARISONS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge}


@dataclass(frozen=True)
class Spread:
    """A median, and the lowest and highest of what it is the median of."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        return cls(*(float(f"{value:.4g}") for value in (np.median(values), min(values), max(values))))


@dataclass(frozen=True)
class Bar:
    """What a number is wanted to be; data, not an assertion."""

    comparison: Literal["<=", "<", ">="]
    value: float

    def met(self, value: float) -> bool:
        """Says whether a value clears the bar."""
        return bool(_COMPARISONS[self.comparison](value, self.value))


@dataclass(frozen=True)
class Row:
    """One finding.

    Args:
        group: what it is a finding about; a panel of the chart.
        subject: of which layer or comparison.
        quantity: what the number is, with its unit.
        value: the number.
        bar: what it is wanted to be; None: only reported.
        parts: what it was made of, by name with unit.
    """

    group: str
    subject: str
    quantity: str
    value: Spread
    bar: Bar | None = None
    parts: dict[str, Spread] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Whether the median clears the bar; None without one."""
        return None if self.bar is None else self.bar.met(self.value.median)

    def to_json(self) -> dict:
        """Returns the row as JSON knows it, `met` included."""
        return {**asdict(self), "met": self.met}

    @classmethod
    def from_json(cls, found: dict) -> "Row":
        """Reads what `to_json` gave; other keys are left out."""
        return cls(
            found["group"],
            found["subject"],
            found["quantity"],
            Spread(**found["value"]),
            Bar(**found["bar"]) if found["bar"] else None,
            {name: Spread(**part) for name, part in found["parts"].items()},
        )
