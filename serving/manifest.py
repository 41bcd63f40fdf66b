"""`Manifest`: what a client has to know of an exported ranker, in a file beside the graph."""

import os
from pathlib import Path

import tensorflow as tf
from pydantic import BaseModel, ConfigDict, ValidationError

from mos_tf.datasets.config import RequestConfig
from mos_tf.errors import MosError
from mos_tf.features import FeatureSpec
from serving.versions import newest_version

FILE = "assets.extra/ranker.json"


class Manifest(BaseModel):
    """The requests that an exported ranker takes; TF Serving carries the file along and does not read it.

    Args:
        spec: the features of a request, with the version of their format.
        requests: how training requests were built, so that requests of today are built alike; None where unknown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    spec: FeatureSpec
    requests: RequestConfig | None = None

    def save(self, model_dir: str) -> None:
        """Writes the manifest into a SavedModel's directory."""
        path = os.path.join(model_dir, FILE)
        tf.io.gfile.makedirs(os.path.dirname(path))
        with tf.io.gfile.GFile(path, "w") as file:
            file.write(self.model_dump_json(indent=2) + "\n")

    @classmethod
    def of_newest(cls, directory: str | Path) -> "Manifest":
        """Reads the manifest of the newest version in a directory that a server serves from.

        Raises:
            MosError: no version, no manifest, or one of a format that is not known here.
        """
        path = newest_version(directory) / FILE
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise MosError(
                f"a version holds {FILE}, as export_ranker writes it. Received: {path.parent.parent} without it"
            ) from error
        except ValidationError as error:
            first = error.errors()[0]
            raise MosError(
                f"{path} is not of a format known here: {'.'.join(map(str, first['loc']))}: {first['msg']}. "
                "Ask with the release of mos-tf that exported the model"
            ) from error
