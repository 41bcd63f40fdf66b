"""`RequestConfig`: which rows are events and how events become requests. The one place that names these settings."""

import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from mos_tf.errors import DataError
from mos_tf.features import FeatureSpec

Split = Literal["train", "eval", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


def _seconds(value: Any) -> Any:
    """Dates and ISO strings are midnight and UTC unless they say otherwise; numbers are unix seconds already."""
    if isinstance(value, str) and not value.lstrip("-").isdigit():
        value = datetime.datetime.fromisoformat(value)
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        value = datetime.datetime(value.year, value.month, value.day)
    if isinstance(value, datetime.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=datetime.UTC)
        return int(aware.timestamp())
    return value


UtcSeconds = Annotated[int, BeforeValidator(_seconds)]


class SplitTimes(BaseModel):
    """Splits by time: train [train_start, train_end), eval [train_end, eval_end), test [eval_end, test_end).

    Each is given as unix seconds, as a date or as an ISO time (UTC). Events before `train_start` are history only.

    Example:

    >>> SplitTimes(train_start="2017-07-01", train_end="2017-11-01", eval_end=1511136000, test_end="2018-01-01")
    SplitTimes(train_start=1498867200, train_end=1509494400, eval_end=1511136000, test_end=1514764800)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    train_start: UtcSeconds
    train_end: UtcSeconds
    eval_end: UtcSeconds
    test_end: UtcSeconds

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        times = [self.train_start, self.train_end, self.eval_end, self.test_end]
        if times != sorted(set(times)):
            raise ValueError(f"train_start < train_end < eval_end < test_end must hold. Received: {times}")
        return self

    def split_of(self, time: int) -> Split | None:
        """Returns the split that a request at `time` belongs to, None outside all of them."""
        if not self.train_start <= time < self.test_end:
            return None
        return "train" if time < self.train_end else "eval" if time < self.eval_end else "test"


class RowRules(BaseModel):
    """Which rows of an events file are events; the others are bad rows and become dead letters.

    Args:
        start: rows before this time are bad (None: no bound).
        end: rows at or after this time are bad (None: no bound).
        event_types: the values of the column `event_type` that are known; None takes all and needs no column.
        max_bad_share: share of bad rows, 0 to 1, above which a run fails; duplicates do not count.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: UtcSeconds | None = None
    end: UtcSeconds | None = None
    event_types: tuple[str, ...] | None = None
    max_bad_share: float = Field(default=0.01, ge=0, le=1)


class RequestConfig(RowRules):
    """How one user's events become requests; a superset of the rules for rows.

    Args:
        splits: where train, eval and test begin and end.
        max_history: the most recent events that a request keeps.
        negatives: `"exposed"`: the candidates are the basket's listed items: positives the listed ones bought,
            negatives drawn from the listed ones not bought. What was bought without being listed is no candidate,
            or being listed would give the label away. `"sampled"`, for logs without lists: positives are the basket's
            items, negatives others drawn by popularity, both of those with events before the week of the request.
            What had none is no candidate, or being new would give the label away.
        negatives_per_positive: negatives drawn for each positive, fewer where the list or the pool is shorter.
        seed: decides every draw and the order of ties.
        max_users: keep this many users, drawn by hash, as if the data held no others; None keeps all.
    """

    splits: SplitTimes
    max_history: int = Field(default=512, ge=1)
    negatives: Literal["exposed", "sampled"] = "exposed"
    negatives_per_positive: int = Field(default=4, ge=1)
    seed: int = 0
    max_users: int | None = Field(default=None, ge=1)


class _ConversionFile(BaseModel):
    """The part of a pipeline's YAML file that says what a request is; the rest is the pipeline's."""

    spec: FeatureSpec
    requests: RequestConfig


def load_config(path: str | Path) -> tuple[FeatureSpec, RequestConfig, tuple[str, ...]]:
    """Reads `spec:` and `requests:` from a YAML file, which may be a whole pipeline's.

    Returns:
        The two, and the names of the top-level fields that were not read, so that the caller can say so.

    Raises:
        DataError: no such file, no YAML mapping, or fields that break a rule.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        parsed = _ConversionFile.model_validate(content)
    except OSError as error:
        raise DataError(f"the config file cannot be read: {path} ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise DataError(f"the config file is not YAML: {path}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise DataError(f"the config file breaks a rule: {path}: {problems}") from error
    return parsed.spec, parsed.requests, tuple(name for name in content if name not in _ConversionFile.model_fields)
