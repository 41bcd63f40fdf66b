"""`StudyConfig`: a data set to compare models on, and how every one of them is trained on it."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from mos_tf.datasets.config import RequestConfig, Split
from mos_tf.datasets.generator.config import GeneratorConfig
from mos_tf.errors import DataError
from mos_tf.features import FeatureSpec

CONFIGS = Path(__file__).parent / "configs"


class CompleteJourney(BaseModel):
    """The public log of that name, fetched from its package."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["complete-journey"] = "complete-journey"


class Generated(BaseModel):
    """A made log, whose themes and click probabilities are known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["generated"] = "generated"
    generator: GeneratorConfig = GeneratorConfig()


class Directory(BaseModel):
    """A data directory of the user's: events, items, exposures.

    Args:
        path: of the directory.
        digest: of its files, which tells apart what has been trained on one content and on another.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["directory"] = "directory"
    path: Path
    digest: str


class Budget(BaseModel):
    """What every model of a study may spend, whatever it is.

    Args:
        steps: gradient steps of each training.
        batch_size: requests a step.
        validations: looks at the validation requests; the best state is kept.
        learning_rates: tried with the first seed, the best on validation kept for all.
        first_stage_epochs: of the tower of numbers alone, before the first step, at most.
        embedding_dim: width of events and candidates.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: PositiveInt = 300
    batch_size: PositiveInt = 64
    validations: PositiveInt = 4
    learning_rates: tuple[PositiveFloat, ...] = (0.01, 0.003)
    first_stage_epochs: PositiveInt = 20
    embedding_dim: PositiveInt = 32


class StudyConfig(BaseModel):
    """A data set and the budget of every training on it.

    Args:
        name: of the study; its results are kept under it.
        title: what tables say above.
        source: where the events come from.
        spec: the features of the requests.
        requests: how events become requests.
        max_requests: of each split, drawn evenly from those of all users, whose histories stay whole; default all.
        min_count: by feature, how often a string must occur in training requests to have an id of its own.
        time_scales: of affinity, in days.
        hierarchy: columns of the items coarser than the theme token, from coarse to fine.
        rows: of the tables, those that this study has; default all.
        once: rows of the first encoder of the tables alone, where all encoders would take too long.
        peers: floors and peers, those that this study has; default all.
        budget: see `Budget`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    source: Annotated[CompleteJourney | Generated | Directory, Field(discriminator="kind")]
    spec: FeatureSpec
    requests: RequestConfig
    max_requests: dict[Split, PositiveInt] = {}
    min_count: dict[str, PositiveInt] = {}
    time_scales: tuple[PositiveFloat, PositiveFloat] = (21.0, 90.0)
    hierarchy: tuple[str, ...] = ()
    rows: tuple[str, ...] | None = None
    once: tuple[str, ...] = ()
    peers: tuple[str, ...] | None = None
    budget: Budget = Budget()

    @property
    def has_truth(self) -> bool:
        """Whether it is known how probable each candidate was to be clicked: made logs know it of their lists."""
        return isinstance(self.source, Generated) and self.requests.negatives == "exposed"

    @property
    def folder(self) -> str:
        """The name of the directory of its results, which no two logs share."""
        return self.source.path.name if isinstance(self.source, Directory) else self.name

    @property
    def fingerprint(self) -> str:
        """Tells apart what gives other results: 12 hex digits of all settings but what is shown and where it lies."""
        settings = self.model_dump_json(
            exclude={"title": True, "rows": True, "once": True, "peers": True, "source": {"path"}}
        )
        return hashlib.sha256(settings.encode()).hexdigest()[:12]

    @classmethod
    def load(cls, path: Path) -> "StudyConfig":
        """Reads a YAML file.

        Raises:
            DataError: no such file, no YAML mapping, or fields that break a rule.
        """
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise DataError(f"the study cannot be read: {path} ({error.strerror})") from error
        except yaml.YAMLError as error:
            raise DataError(f"the study is not YAML: {path}: {' '.join(str(error).split())}") from error
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
            raise DataError(f"the study breaks a rule: {path}: {problems}") from error


def named_studies() -> list[str]:
    """Returns the names of the studies that come with the package."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def named(name: str) -> StudyConfig:
    """Returns a study that comes with the package.

    Raises:
        DataError: there is none of that name.
    """
    if name not in named_studies():
        raise DataError(f"the studies that there are: {named_studies()}. Received: {name!r}")
    return StudyConfig.load(CONFIGS / f"{name}.yaml")
