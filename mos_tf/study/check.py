"""Whether a small study still gives the values that are committed, on any machine.

The values lie in the package, beside the studies: an installed one checks itself, without the repository around it.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mos_tf.datasets.generator.config import GeneratorConfig
from mos_tf.errors import MosError
from mos_tf.study.config import Budget, Generated, StudyConfig, named
from mos_tf.study.plan import Plan
from mos_tf.study.quality import run_study
from mos_tf.study.report import provenance_of
from mos_tf.study.tables import markdown, title

COMMITTED = Path(__file__).parent / "check.json"
PLAN = Plan(("SDIM",), {"plain + affinity": 1, "MoS + affinity": 1}, {"gradient boosting, own affinity": 1}, trials=1)
# One machine repeats all six digits. Another adds floats in another order, which moves what is decomposed and trained:
# narrower vector instructions alone moved a GAUC by .0009. What breaks a ranker moves it by a hundredth and more.
TOLERANCES = {"auc": 0.005, "gauc": 0.005, "log_loss": 0.005}

Values = dict[str, dict[str, float]]  # row → metric → value


class CheckError(MosError):
    """What is measured is not what is committed."""


@dataclass(frozen=True)
class Checked:
    """One metric of one row, as committed and as measured now; they agree where they differ by `tolerance` at most."""

    row: str
    metric: str
    committed: float
    now: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether the two are within the tolerance of each other."""
        return abs(self.now - self.committed) <= self.tolerance


def check_study() -> StudyConfig:
    """Returns the study: a made log whose sessions hop, as small as tells a working ranker from a broken one."""
    return named("generated-hopping").model_copy(
        update={
            "name": "check",
            "source": Generated(generator=GeneratorConfig(users=150)),
            "max_requests": {"train": 4000, "eval": 500, "test": 1000},
            "budget": Budget(steps=60, validations=2, learning_rates=(0.003,), first_stage_epochs=6),
        }
    )


def measure(processes: int) -> Values:
    """Makes the log, trains and judges every row anew."""
    with tempfile.TemporaryDirectory() as beside:
        ran = run_study(check_study(), PLAN, Path(beside) / "study", processes, Path(beside) / "logs")
    return {
        title(result["encoder"], result["variant"]): {metric: result["test"][metric] for metric in TOLERANCES}
        for result in ran.results
    }


def write_committed(path: Path, values: Values, command: str, seconds: float) -> None:
    """Writes measured values as those to be met from now on."""
    study = {"study": check_study().fingerprint, "tolerances": TOLERANCES, "values": values}
    content = {**provenance_of(command, seconds), **study}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_committed(path: Path) -> dict[str, Any]:
    """Reads what `write_committed` wrote.

    Raises:
        CheckError: it is of another study than that of today.
    """
    committed = json.loads(path.read_text(encoding="utf-8"))
    if committed["study"] != (today := check_study().fingerprint):
        raise CheckError(
            f"values are compared that are of one study. Received: study {committed['study']} in {path}, {today} now; "
            "commit new ones: mos bench check --update"
        )
    return committed


def compare(committed: Mapping[str, Any], now: Values) -> list[Checked]:
    """Returns every committed metric beside that of now."""
    return [
        Checked(row, metric, value, now[row][metric], committed["tolerances"][metric])
        for row, metrics in committed["values"].items()
        for metric, value in metrics.items()
    ]


def check_table(checked: Iterable[Checked]) -> str:
    """Returns a line for each metric: committed, now, their difference, the tolerance, and whether it is kept."""
    rows = [
        [
            f"{c.row}: {c.metric}", f"{c.committed:.6f}", f"{c.now:.6f}", f"{c.now - c.committed:+.6f}",
            f"{c.tolerance:g}", "yes" if c.agrees else "NO",
        ]
        for c in checked
    ]  # fmt: skip
    return markdown(["", "committed", "now", "difference", "tolerance", "ok"], rows)


def require_agreement(checked: Iterable[Checked]) -> None:
    """Ends the check where values are not those committed.

    Raises:
        CheckError: a metric differs by more than its tolerance.
    """
    off = [f"{c.row}: {c.metric} {c.now:.4f} for {c.committed:.4f} ± {c.tolerance:g}" for c in checked if not c.agrees]
    if off:
        raise CheckError(
            f"a small study gives the values that are committed. Received: {'; '.join(off)}; find out what changed, "
            "or, where that is meant, commit new ones: mos bench check --update"
        )
