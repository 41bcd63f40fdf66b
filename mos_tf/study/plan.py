"""Which cells a budget pays for: encoders, rows, seeds and trials, and what it leaves out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mos_tf.cli import is_installed
from mos_tf.datasets.config import SPLITS, Split
from mos_tf.errors import MosError
from mos_tf.study.config import StudyConfig
from mos_tf.study.peers import PEERS
from mos_tf.study.variants import ABLATIONS, CLAIMED, ONCE, VARIANTS

ENCODERS_OF_THE_TABLES = ("SDIM", "TWIN", "TransAct", "Mamba4Rec")


class Preset(StrEnum):
    """How much time a study may take on 2 cores."""

    MINUTES = "minutes"
    HOUR = "hour"
    NIGHT = "night"


@dataclass(frozen=True)
class Plan:
    """A grid of cells.

    Args:
        encoders: names of `ENCODERS`.
        seeds_of: row → number of seeds, 0, 1, …; rows that carry a claim have more. Those of `ONCE` are of the first
            encoder of the tables alone.
        peers: name of `PEERS` → number of seeds; those that the data or the machine cannot have are passed over.
        trials: learning rates tried with the first seed; the best on validation is kept for the others.
        steps: of a training; None: those of the study.
        max_users: at most so many users; None: those of the study.
        max_requests: at most so many requests of each split.
    """

    encoders: tuple[str, ...]
    seeds_of: dict[str, int]
    peers: dict[str, int]
    trials: int
    steps: int | None = None
    max_users: int | None = None
    max_requests: dict[Split, int] = field(default_factory=dict)

    def limited(self, config: StudyConfig) -> StudyConfig:
        """Returns the study with the plan's limits."""
        budget = config.budget
        users = [n for n in (self.max_users, config.requests.max_users) if n is not None]
        return config.model_copy(
            update={
                "budget": budget.model_copy(
                    update={
                        "learning_rates": budget.learning_rates[: self.trials],
                        "steps": self.steps or budget.steps,
                    }
                ),
                "requests": config.requests.model_copy(update={"max_users": min(users, default=None)}),
                "max_requests": _smaller(config.max_requests, self.max_requests),
            }
        )

    def rows_of(self, encoder: str, once: Sequence[str] = ()) -> dict[str, int]:
        """Returns the number of seeds of each row of one of the encoders.

        Args:
            encoder: its name.
            once: rows of the first encoder of the tables alone, besides `ONCE`.
        """
        has_all = encoder == ENCODERS_OF_THE_TABLES[0]
        return {row: number for row, number in self.seeds_of.items() if has_all or row not in (*ONCE, *once)}

    def only(self, encoders: Sequence[str]) -> "Plan":
        """Returns the plan with these encoders of its own alone.

        Raises:
            MosError: one that the plan has not.
        """
        if unknown := set(encoders) - set(self.encoders):
            raise MosError(
                f"the encoders of this budget are {list(self.encoders)}. Received: {sorted(unknown)}; "
                "choose some of them, or a larger budget"
            )
        return replace(self, encoders=tuple(encoders))

    def left_out(self, full: "Plan", config: StudyConfig) -> list[str]:
        """Says in words what a study has by a larger plan that it has not by this one."""
        peers = [name for name in full.peers if config.peers is None or name in config.peers]
        rows, own_rows = (
            {row: None for encoder in plan.encoders for row in plan.rows_of(encoder, config.once)}
            for plan in (full, self)
        )
        missing = [
            ("encoders", [name for name in full.encoders if name not in self.encoders]),
            ("peers", [name for name in peers if name not in self.peers]),
            ("rows", [name for name in rows if wants_row(config, name) and name not in own_rows]),
        ]
        told = [f"{what}: {'; '.join(names)}" for what, names in missing if names]
        if (seeds := max(self.seeds_of.values())) < (most := max(full.seeds_of.values())):
            told.append(f"seeds: {most - seeds} of {most}")
        if self.trials < full.trials:
            told.append(f"tuning: {full.trials - self.trials} of {full.trials} trials")
        requests = " ".join(f"{number} {split}" for split, number in self.max_requests.items()) or "all"
        if self.steps or self.max_users:
            told.append(
                f"size: {self.steps or 'all'} steps, {self.max_users or 'all'} users, {requests} requests at most"
            )
        absent: dict[str, list[str]] = {}
        for name in peers:
            if (package := PEERS[name].package) and not is_installed(package):
                absent.setdefault(PEERS[name].extra, []).append(name)
        told += [f'not installed: {"; ".join(names)}: pip install "mos-tf[{extra}]"' for extra, names in absent.items()]
        return told


def wants_row(config: StudyConfig, row: str) -> bool:
    """Whether a row is one that the study names; ablations are not for it to choose."""
    return config.rows is None or row in config.rows or row not in VARIANTS


_SMALL = ("plain + affinity", "MoS + affinity", "capacity control + affinity", "MoS + affinity, random themes")


_FLOORS = ("popularity", "logistic regression")
_TRUTH = "true probabilities"
_BOOSTING = ("gradient boosting, own affinity", "gradient boosting, learned themes")


def _smaller(one: dict[Split, int], other: dict[Split, int]) -> dict[Split, int]:
    limits = {split: [of[split] for of in (one, other) if split in of] for split in SPLITS}
    return {split: min(numbers) for split, numbers in limits.items() if numbers}


def _seeds(rows: Sequence[str], claimed: int, others: int) -> dict[str, int]:
    return {row: claimed if row in CLAIMED else others for row in rows}


def _peers(*extras: str) -> dict[str, int]:
    """Returns the floors and peers that need nothing but these extras, three seeds of those that chance moves."""
    return {name: 3 if method.by_chance else 1 for name, method in PEERS.items() if method.extra in extras}


def _ablated(preset: Preset, rows: Iterable[str], seeds: int) -> Plan:
    """Returns the ablations of a budget, by default with the requests and steps of its tables, around one encoder."""
    return replace(PLANS[preset], encoders=("SDIM",), seeds_of=dict.fromkeys(rows, seeds), peers={_TRUTH: 1})


PLANS = {
    Preset.MINUTES: Plan(
        ("SDIM",),
        dict.fromkeys(_SMALL, 3),
        dict.fromkeys((*_FLOORS, *_BOOSTING, _TRUTH), 1),
        trials=1,
        steps=100,
        max_users=2500,
        max_requests={"train": 6400, "eval": 1000, "test": 3000},
    ),
    Preset.HOUR: Plan(("SDIM", "Mamba4Rec"), dict.fromkeys(CLAIMED, 3), _peers("bench"), trials=1, max_users=5000),
    Preset.NIGHT: Plan(ENCODERS_OF_THE_TABLES, _seeds(list(VARIANTS), 5, 3), _peers("bench", "fuxictr"), trials=2),
}
_WITH_TRUTH = (*ABLATIONS, "MoS + affinity, true themes")
# In minutes a ranker without affinity would still be where it began.
_TELLING = (
    "MoS + affinity", "without the global expert", "without the short-term expert", "without the theme expert",
    "affinity alone", "affinity of items and categories", "learned from a random start", "8 themes",
    "MoS + affinity, true themes",
)  # fmt: skip
ABLATION_PLANS = {
    Preset.MINUTES: _ablated(Preset.MINUTES, _TELLING, seeds=1),
    Preset.HOUR: _ablated(Preset.HOUR, _WITH_TRUTH, seeds=1),
    # Every change of routing or affinity needs a start of its own, so with all steps and a second learning rate, which
    # the tables show to matter little with affinity, they would take a night alone.
    Preset.NIGHT: replace(_ablated(Preset.NIGHT, _WITH_TRUTH, seeds=3), steps=150, trials=1),
}
