"""`ReportingDagRunner`: TFX's local runner, which says what each node did."""

import datetime
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ml_metadata.proto.metadata_store_pb2 import Execution
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2
from tfx.types import Artifact

from mos_tf.errors import MosError


@dataclass(frozen=True)
class NodeRun:
    """What one node did.

    Args:
        node: its id.
        seconds: wall time.
        cached: True where the outputs of an earlier run were taken.
        outputs: its artifacts by output key.
    """

    node: str
    seconds: float
    cached: bool
    outputs: Mapping[str, Sequence[Artifact]]


class ReportingDagRunner(LocalDagRunner):
    """Runs node after node in this process, as its base does, and reports each; the base reports none.

    Every run has an id of its own, so what a killed run left unfinished in the metadata concerns nobody: finished
    nodes come from the cache and the others run again.

    Args:
        on_start: called with the id of a node and its place, (id, number from 1, how many there are).
        on_end: called with what it did.
    """

    def __init__(self, on_start: Callable[[str, int, int], None], on_end: Callable[[NodeRun], None]) -> None:
        super().__init__()
        self._on_start = on_start
        self._on_end = on_end

    def run_with_ir(self, pipeline: pipeline_pb2.Pipeline, run_options: None = None) -> None:
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: datetime.datetime.now().isoformat()}
        )
        deployment = runner_utils.extract_local_deployment_config(pipeline)
        connection = deployment.metadata_connection_config
        connection = getattr(connection, connection.WhichOneof("connection_config"))
        for number, wrapped in enumerate(pipeline.nodes, start=1):
            node = wrapped.pipeline_node
            node_id = node.node_info.id
            self._on_start(node_id, number, len(pipeline.nodes))
            started = time.monotonic()
            try:
                execution = launcher.Launcher(
                    pipeline_node=node,
                    mlmd_connection=metadata.Metadata(connection),
                    pipeline_info=pipeline.pipeline_info,
                    pipeline_runtime_spec=pipeline.runtime_spec,
                    executor_spec=runner_utils.extract_executor_spec(deployment, node_id),
                    custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node_id),
                ).launch()
            except Exception as error:
                traceback.print_exc()
                raise explained(error, node_id) from error
            seconds = time.monotonic() - started
            with metadata.Metadata(connection) as handle:
                [found] = handle.store.get_executions_by_id([execution.execution_id])
                outputs = execution_lib.get_output_artifacts(handle, execution.execution_id)
            if found.last_known_state not in (Execution.COMPLETE, Execution.CACHED):
                state = Execution.State.Name(found.last_known_state)
                raise MosError(f"{node_id} must end well. Received: {state}. The log of the run has the details")
            cached = found.last_known_state == Execution.CACHED
            self._on_end(NodeRun(node_id, seconds, cached, outputs))


def explained(error: BaseException, node: str) -> MosError:
    """Returns the first error of ours among the causes of `error`, or one that says which node failed and why."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MosError):
            return cause
        cause = cause.__cause__ or cause.__context__
    reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
    return MosError(f"{node} failed: {reason}. The log of the run has the details")
