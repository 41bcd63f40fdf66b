"""Every case by name; the names are what `run` and `--only` take."""

from collections.abc import Callable
from functools import partial

from benchmarks.layers.affinity import affinity
from benchmarks.layers.candidates import candidates
from benchmarks.layers.deepctr import deepctr
from benchmarks.layers.flops import COUNTED, flops
from benchmarks.layers.growth import growth
from benchmarks.layers.limits import long_history, refusal
from benchmarks.layers.mixtures import COMPARED, MIXED, counterparts, mixture
from benchmarks.layers.models import LINEAR, MODELS, QUADRATIC, mixture_name
from benchmarks.layers.results import Row
from benchmarks.layers.sizes import Sizes
from benchmarks.layers.training import FAST, SUPERLINEAR, memory, training_step

_LINEAR_AND_MIXED = (*LINEAR, *map(mixture_name, LINEAR))

CASES: dict[str, Callable[[Sizes], list[Row]]] = {
    "affinity": affinity,
    "deepctr": deepctr,
    **{f"training/{name}": partial(training_step, name) for name in (*FAST, *SUPERLINEAR)},
    **{f"memory/{name}": partial(memory, name) for name in (*FAST, *SUPERLINEAR)},
    **{f"growth/{name}": partial(growth, name) for name in _LINEAR_AND_MIXED},
    **{f"mixture/{name}": partial(mixture, name) for name in MIXED},
    **{f"flops/{name}": partial(flops, name) for name in COUNTED},
    **{f"counterparts/{name}": partial(counterparts, name) for name in COMPARED},
    **{f"candidates/{name}": partial(candidates, name) for name in MODELS},
    **{f"long/{name}": partial(long_history, name) for name in LINEAR},
    **{f"refusal/{name}": partial(refusal, name) for name in QUADRATIC},
}
