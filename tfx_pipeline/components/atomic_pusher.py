"""`AtomicPusher`: hands a blessed model to the server in one step."""

import logging
from pathlib import Path

from tfx.v1.dsl.components import InputArtifact, OutputArtifact, Parameter, component
from tfx.v1.types.standard_artifacts import InfraBlessing, Model, ModelBlessing, PushedModel

from tfx_pipeline.components.publish import publish

_LOG = logging.getLogger(__name__)


@component
def AtomicPusher(  # noqa: N802 (a component is named like a class)
    model: InputArtifact[Model],
    model_blessing: InputArtifact[ModelBlessing],
    infra_blessing: InputArtifact[InfraBlessing],
    pushed_model: OutputArtifact[PushedModel],
    push_destination: Parameter[str],
) -> None:
    """Publishes the serving export as a new version where the Evaluator and the serving check blessed it.

    The stock Pusher copies file by file into the directory that the server polls, and pushes whatever it gets when
    no blessing is connected; here a version appears whole or not at all, and both blessings are required.

    Args:
        model: the Trainer's model; its `Format-Serving` is pushed.
        model_blessing: the Evaluator's verdict.
        infra_blessing: the verdict of `ServingCheck`.
        pushed_model: gets the stock Pusher's properties: `pushed`, `pushed_destination`, `pushed_version`.
        push_destination: local directory that holds one directory a version.

    Raises:
        MosError: see `publish`.
    """
    refused = [
        name
        for name, blessing in (("model", model_blessing), ("serving", infra_blessing))
        if blessing.get_int_custom_property("blessed") != 1
    ]
    if refused:
        _LOG.warning("Nothing is pushed: the %s check did not bless the model.", " and the ".join(refused))
        pushed_model.set_int_custom_property("pushed", 0)
        return
    publication = publish(Path(model.uri) / "Format-Serving", push_destination)
    verb = "Pushed as" if publication.new else "Nothing to push: the model already is"
    _LOG.info("%s version %d in %s.", verb, publication.version, push_destination)
    pushed_model.set_int_custom_property("pushed", 1)
    pushed_model.set_string_custom_property("pushed_destination", str(publication.path))
    pushed_model.set_string_custom_property("pushed_version", str(publication.version))
