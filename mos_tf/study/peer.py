"""`Peer`: what a user would otherwise take, as one run of it. Imports nothing heavy."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict


class Peer(BaseModel):
    """Which of `PEERS`, a seed, and which of its trials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    seed: int
    trial: int = 0

    @property
    def title(self) -> str:
        """The row of the tables."""
        return self.name

    @property
    def run_name(self) -> str:
        """What is said of it as it runs."""
        return f"{self.title}, seed {self.seed}"

    @property
    def file_name(self) -> str:
        """Where its result lies."""
        return f"peer~{self.name}~{self.seed}~{self.trial}.json".replace(" ", "_").replace(",", "")


class Scored(NamedTuple):
    """What a run gives.

    Attributes:
        validation: scores of the validation candidates, float [M].
        test: scores of the test candidates, float [M].
        price: what it costs, as far as it is a ranker or has steps to be compared with those of rankers.
    """

    validation: np.ndarray
    test: np.ndarray
    price: Mapping[str, float] = MappingProxyType({})
