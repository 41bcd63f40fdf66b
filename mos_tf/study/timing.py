"""`Timing`: all rows around one encoder, to be timed in turns. Imports nothing heavy."""

import hashlib
from collections.abc import Iterable, Sequence
from statistics import median

from pydantic import BaseModel, ConfigDict

from mos_tf.study.cell import Result


class Timing(BaseModel):
    """Which rows, around which encoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: str
    rows: tuple[str, ...]

    @property
    def run_name(self) -> str:
        """What is said of it as it runs."""
        return f"{self.encoder}: times of {len(self.rows)} rows"

    @property
    def file_name(self) -> str:
        """Where its result lies; other rows are timed anew, all in one run."""
        rows = hashlib.sha256("\n".join(self.rows).encode()).hexdigest()[:8]
        return f"timing~{self.encoder}~{rows}.json"


def timed(results: Iterable[Result], timings: Sequence[Result]) -> list[Result]:
    """Returns results whose prices tell the median times of their row, and candidates a second of what has steps.

    Args:
        results: of cells and peers; a peer that has steps tells how long they took as it was trained.
        timings: what `Timing`s gave, one an encoder.
    """
    of_encoder = {timing["encoder"]: timing for timing in timings}
    candidates = next((timing["candidates_a_step"] for timing in timings), None)
    priced = []
    for result in results:
        timing = of_encoder.get(result["encoder"], {"rows": {}})
        taken = {name: round(median(ms), 3) for name, ms in timing["rows"].get(result["variant"], {}).items()}
        price = {**result["price"], **taken}
        if candidates and "step_ms" in price:
            price["examples_a_second"] = round(1e3 * candidates / price["step_ms"])
        priced.append({**result, "price": price})
    return priced
