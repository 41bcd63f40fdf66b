"""The JSON files of a run and of `mos rank`, as the report reads them."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from mos_tf.errors import MosError

Shape = TypeVar("Shape")


class Metric(BaseModel):
    """One metric on one slice of the test split, and the live model's value where there is one."""

    slice: str
    metric: str
    value: float
    baseline_value: float | None = None

    @property
    def change(self) -> float | None:
        """The difference to the live model, None without one."""
        return None if self.baseline_value is None else self.value - self.baseline_value


class Gate(BaseModel):
    """One condition that a model meets before it is pushed."""

    metric: str
    slice: str
    kind: str
    value: float
    threshold: float
    passed: bool


class Evaluation(BaseModel):
    """`evaluation.json`: what the Evaluator found."""

    blessed: bool
    baseline: str | None = None
    metrics: list[Metric]
    gates: list[Gate]
    skipped_requests: dict[str, int] = {}

    @property
    def slices(self) -> list[str]:
        """Slices in the order in which they were evaluated."""
        return list(dict.fromkeys(metric.slice for metric in self.metrics))

    @property
    def telling_slices(self) -> list[str]:
        """Slices of at least 100 candidates: below, a figure would show noise."""
        counts = {name: self.find("candidates", name) for name in self.slices}
        return [name for name, count in counts.items() if count is None or count.value >= 100]

    @property
    def names(self) -> list[str]:
        """Metrics in the order in which they were evaluated."""
        return list(dict.fromkeys(metric.metric for metric in self.metrics))

    def find(self, name: str, slice_name: str) -> Metric | None:
        """Returns the metric on that slice, None where it was not evaluated."""
        return next((m for m in self.metrics if (m.metric, m.slice) == (name, slice_name)), None)


class Training(BaseModel):
    """`training.json`: curves with a value a validation, the one whose state was kept (0: that before the first step;
    None in runs that do not tell), the load of every theme by resolution, and the effort.
    """

    history: dict[str, list[float]]
    kept: int | None = None
    theme_load: dict[str, list[float]]
    steps: int
    seconds: float


class ThemeTable(BaseModel):
    """`themes.json`: tokens by id, their theme at each resolution and how often training saw them."""

    routing_resolution: int
    resolutions: list[int]
    tokens: list[str]
    themes: dict[str, list[int]]
    counts: list[int]


class Node(BaseModel):
    """One node of the pipeline's last run."""

    node: str
    seconds: float
    cached: bool
    produced: str


class Examples(BaseModel):
    """`examples.json`: what example generation read and made, `requests` keyed `<split>/<what>`."""

    rows: int
    users: int
    dead_letters: dict[str, int]
    requests: dict[str, int]


class Product(BaseModel):
    """One ranked item; `theme` is -1 where the server does not say."""

    rank: int
    item_id: str
    name: str
    category: str
    score: float
    theme: int
    bought_before: bool


class Rankings(BaseModel):
    """What `mos rank --json` prints."""

    user: str
    time: int
    products: list[Product]


def read_result(path: Path, shape: type[Shape], made_by: str) -> Shape:
    """Reads a JSON file of a known shape.

    Args:
        path: the file.
        shape: a pydantic model, or a type of them such as `list[Node]`.
        made_by: the command that writes the file, for the error.

    Raises:
        MosError: there is no such file, or it has another shape.
    """
    try:
        return TypeAdapter(shape).validate_json(path.read_bytes())
    except OSError as error:
        raise MosError(f"the report needs {path.name}. Received: no readable file {path}. Run: {made_by}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise MosError(
            f"{path.name} must be as this writes it: {made_by}. "
            f"Received in {path}, at {where}: {first['msg']}. Run it again"
        ) from error
