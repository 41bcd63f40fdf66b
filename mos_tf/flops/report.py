"""`Cost`: multiply-adds and parameters by part, and as a table."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True)
class Cost:
    """What a model costs.

    Attributes:
        multiply_adds: by part, of a forward pass, a request, on average.
        parameters: by part, trainable numbers.

    Example:

    >>> spent = Cost({"encoder": 1500.0, "head": 500.0}, {"encoder": 64, "head": 8})
    >>> spent.total_multiply_adds, spent.total_parameters
    (2000.0, 72)
    """

    multiply_adds: Mapping[str, float]
    parameters: Mapping[str, int]

    @property
    def total_multiply_adds(self) -> float:
        """Multiply-adds of all parts, a request; twice as many FLOPs."""
        return sum(self.multiply_adds.values())

    @property
    def total_parameters(self) -> int:
        """Trainable numbers of all parts."""
        return sum(self.parameters.values())

    def table(self) -> Table:
        """Returns the parts as a table for the terminal."""
        shown = Table("part", "multiply-adds a request", "share", "parameters")
        for column in shown.columns[1:]:
            column.justify = "right"
        total = self.total_multiply_adds
        for name, spent in self.multiply_adds.items():
            share = spent / total if total else 0.0
            shown.add_row(name, f"{spent:,.0f}", f"{share:.1%}", f"{self.parameters[name]:,}")
        shown.add_section()
        shown.add_row("total", f"{total:,.0f}", "", f"{self.total_parameters:,}")
        return shown
