"""`RequestSchema`: brings the curated schema into the run."""

from pathlib import Path

from tfx.v1.dsl.components import OutputArtifact, Parameter, component
from tfx.v1.types.standard_artifacts import Schema


@component
def RequestSchema(  # noqa: N802 (a component is named like a class)
    schema: OutputArtifact[Schema],
    text: Parameter[str],
) -> None:
    """Writes a schema that the pipeline's definition carries with it.

    Takes the place of the stock ImportSchemaGen, which wants a file that every runner can reach.

    Args:
        schema: gets `schema.pbtxt`.
        text: the schema in protobuf's text format.
    """
    directory = Path(schema.uri)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "schema.pbtxt").write_text(text, encoding="utf-8")
