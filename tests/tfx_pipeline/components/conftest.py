"""Artifacts as a pipeline would hand them to a component."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tfx import v1 as tfx
from tfx.types import Artifact


@pytest.fixture
def artifact(tmp_path: Path) -> Callable[..., Artifact]:
    """Makes an artifact of a standard type with a directory of its own and these integer properties."""

    def make(kind: str, **custom_properties: int) -> Artifact:
        made = getattr(tfx.types.standard_artifacts, kind)()
        made.uri = str(tmp_path / kind)
        Path(made.uri).mkdir(exist_ok=True)
        for name, value in custom_properties.items():
            made.set_int_custom_property(name, value)
        return made

    return make
