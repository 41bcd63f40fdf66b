"""`ServingCheck`: does the export answer as the trained model does?"""

import logging
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component
from tfx.v1.types.standard_artifacts import InfraBlessing, Model, ModelRun

from mos_tf.errors import GateError
from tfx_pipeline.components.serving_reference import REFERENCE_FILE, read_reference
from tfx_pipeline.components.session_check import check_export

_LOG = logging.getLogger(__name__)


@component
def ServingCheck(  # noqa: N802 (a component is named like a class)
    model: InputArtifact[Model],
    model_run: InputArtifact[ModelRun],
    blessing: OutputArtifact[InfraBlessing],
    tolerance: Parameter[float] = 1e-5,
    agreement: Parameter[float] = 0.999,
) -> None:
    """Loads the export as TF Serving does, in a process of its own, and sends it the Trainer's reference requests.

    Takes the place of the stock InfraValidator, which needs Docker and does not compile for Kubeflow.

    Args:
        model: the Trainer's model; its `Format-Serving` is checked.
        model_run: the Trainer's run, which holds `serving_reference.jsonl.gz` (see `write_reference`).
        blessing: gets the stock property `blessed` (1 or 0) and file (`INFRA_BLESSED` or `INFRA_NOT_BLESSED`), and
            a property `reason`: one line, empty where all is well.
        tolerance: a served score agrees when it differs from the Trainer's by no more than this.
        agreement: share of the scores that have to agree. It is below 1 because rounding may send a candidate that
            lies on the border of two themes to the other one.
    """
    reason = _check(Path(model.uri) / "Format-Serving", Path(model_run.uri) / REFERENCE_FILE, tolerance, agreement)
    _LOG.log(logging.WARNING if reason else logging.INFO, "Serving check: %s", reason or "passed")
    marker = Path(blessing.uri) / ("INFRA_NOT_BLESSED" if reason else "INFRA_BLESSED")
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(reason)
    blessing.set_int_custom_property("blessed", 0 if reason else 1)
    blessing.set_string_custom_property("reason", reason)


def _check(model_dir: Path, reference: Path, tolerance: float, agreement: float) -> str:
    """Returns why the export must not serve, or an empty string."""
    examples, scores = read_reference(reference)
    # A new process, as the server is one: functions and variables that only this process holds do not help it.
    with ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn")) as pool:
        check = pool.submit(check_export, str(model_dir), examples, scores, tolerance=tolerance, agreement=agreement)
        try:
            check.result()
        except GateError as error:
            return str(error)
        except BrokenProcessPool:
            return f"the model must load and answer. Received: the process that loaded {model_dir} died"
    return ""
