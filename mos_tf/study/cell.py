"""`Cell`: which model of a study, and its result on disk. Imports nothing heavy."""

import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

Result = dict[str, Any]


def core_seconds() -> float:
    """Returns the seconds that this process and its ended children have computed, whatever ran beside them."""
    return sum(os.times()[:4])


class Cell(BaseModel):
    """Which model: an encoder, what stands around it, a seed, and which of the budget's learning rates."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: str
    variant: str
    seed: int
    trial: int = 0

    @property
    def title(self) -> str:
        """The row of the tables."""
        return f"{self.encoder}: {self.variant}"

    @property
    def run_name(self) -> str:
        """What is said of it as it runs."""
        return f"{self.title}, seed {self.seed}"

    @property
    def file_name(self) -> str:
        """Where its result lies."""
        return f"{self.encoder}~{self.variant}~{self.seed}~{self.trial}.json".replace(" ", "_").replace(",", "")


def write_result(result: Result, path: Path) -> None:
    """Writes a result as JSON, so that the file is whole or is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.part")  # two commands may write the same cell
    beside.write_text(json.dumps(result) + "\n", encoding="utf-8")
    beside.rename(path)


def read_result(path: Path) -> Result:
    """Reads a cell's JSON."""
    return json.loads(path.read_text(encoding="utf-8"))
