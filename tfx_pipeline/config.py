"""`PipelineConfig`: everything a pipeline run is told, from one YAML file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mos_tf.datasets.config import RequestConfig
from mos_tf.errors import MosError
from mos_tf.features import FeatureSpec


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VocabularyConfig(_Settings):
    """Which strings get an id of their own; the others share the out-of-vocabulary id.

    Args:
        min_count: how often a string must occur in the histories and candidates of the training requests.
        min_count_of: other thresholds for single features, by name.
    """

    min_count: int = Field(2, ge=1)
    min_count_of: dict[str, int] = {}

    def threshold(self, feature: str) -> int:
        """Returns how often a string of this feature must occur."""
        return self.min_count_of.get(feature, self.min_count)


class TrainingConfig(_Settings):
    """How the ranker is made and trained.

    Args:
        steps: gradient steps, one batch each.
        batch_size: requests a step.
        validations: how many times in the course of training the `eval` split is looked at; the best of these
            states, or that before the first step, is kept, by GAUC.
        learning_rate: of AdamW at the start; it falls to zero along a cosine.
        embedding_dim: width of event and candidate vectors.
        num_themes: resolutions of the theme router.
        window: most recent events that the short-term expert sees.
        seed: of weights, dropout and the order of requests.
    """

    steps: int = Field(1000, ge=1)
    batch_size: int = Field(32, ge=1)
    validations: int = Field(5, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    embedding_dim: int = Field(32, ge=1)
    num_themes: tuple[int, ...] = Field((8, 32, 128), min_length=1)
    window: int = Field(10, ge=1)
    seed: int = 0


class GateConfig(_Settings):
    """What a model must reach on the `test` split before it is pushed. Each holds for all candidates together.

    Args:
        min_auc: lowest AUC.
        min_gauc: lowest GAUC.
        max_log_loss: highest log loss (nats); None asks for none, as its scale depends on how negatives are sampled.
        max_gauc_drop: how far GAUC may fall below that of the latest blessed model.
    """

    min_auc: float = Field(0.55, ge=0, le=1)
    min_gauc: float = Field(0.55, ge=0, le=1)
    max_log_loss: float | None = Field(None, gt=0)
    max_gauc_drop: float = Field(0.005, ge=0, le=1)


class PipelineConfig(_Settings):
    """Everything a pipeline run is told. Relative paths are relative to the working directory.

    Args:
        name: of the pipeline; runs of one name share their cache and their baseline.
        data_dir: directory of generic event files (`mos data fetch`).
        output_dir: gets `pipeline/` (artifacts and their metadata), `serving/` (pushed models) and `results/`.
        spec: the features of a request.
        requests: how events become requests, and where the splits lie.
        vocabulary: which strings get an id.
        training: how the ranker is trained.
        gates: what it must reach.
        beam_args: of every Beam job, such as `--direct_num_workers=2`.

    Example:

    >>> config = PipelineConfig.load(DEMO_CONFIG)
    >>> config.name, config.training.batch_size > 0
    ('complete-journey', True)
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    data_dir: Path
    output_dir: Path
    spec: FeatureSpec
    requests: RequestConfig
    vocabulary: VocabularyConfig = VocabularyConfig()
    training: TrainingConfig = TrainingConfig()
    gates: GateConfig = GateConfig()
    beam_args: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _vocabularies_exist(self) -> Self:
        unknown = sorted(set(self.vocabulary.min_count_of) - set(self.spec.categoricals))
        if unknown:
            raise ValueError(
                f"vocabulary.min_count_of may name {list(self.spec.categoricals)}. Received: {', '.join(unknown)}"
            )
        return self

    @property
    def pipeline_root(self) -> Path:
        """Where the artifacts are."""
        return self.output_dir / "pipeline"

    @property
    def metadata_path(self) -> Path:
        """ML Metadata's SQLite file, which knows every run and what it made."""
        return self.pipeline_root / "metadata.sqlite"

    @property
    def serving_dir(self) -> Path:
        """Where models are pushed to: one directory a version."""
        return self.output_dir / "serving"

    @property
    def results_dir(self) -> Path:
        """What a person or a report reads of the latest run, in JSON."""
        return self.output_dir / "results"

    @classmethod
    def load(cls, path: str | Path) -> "PipelineConfig":
        """Reads a YAML file.

        Raises:
            MosError: no such file, no YAML mapping, or a field that breaks a rule: field, rule and what was received,
                in one line.
        """
        try:
            return cls.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise MosError(f"the config file must be readable. Received: {path} ({error.strerror})") from error
        except yaml.YAMLError as error:
            raise MosError(f"{path} must be YAML. Received: {' '.join(str(error).split())}") from error
        except ValidationError as error:
            raise MosError(f"{path}: {_one_line(error)}") from error

    def replace(self, *, output_dir: Path | None = None, steps: int | None = None) -> "PipelineConfig":
        """Returns the same pipeline with another output directory or number of training steps."""
        training = self.training if steps is None else self.training.model_copy(update={"steps": steps})
        return self.model_copy(update={"output_dir": output_dir or self.output_dir, "training": training})

    def absolute(self) -> "PipelineConfig":
        """Returns the same pipeline with paths that do not depend on the working directory, as the cache needs."""
        return self.model_copy(update={"data_dir": self.data_dir.absolute(), "output_dir": self.output_dir.absolute()})


DEMO_CONFIG = Path(__file__).parent / "configs" / "complete_journey.yaml"


def _one_line(error: ValidationError) -> str:
    """Field, rule and what was received, for every rule that is broken."""
    return "; ".join(map(_problem, error.errors(include_url=False)))


def _problem(detail: Mapping[str, Any]) -> str:
    field = ".".join(map(str, detail["loc"])) or "config"
    rule = detail["msg"].removeprefix("Value error, ")
    return f"{field}: {rule}" + ("" if "Received:" in rule else f". Received: {_shortened(detail['input'])}")


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
