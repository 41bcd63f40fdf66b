"""Requests with the scores that the Trainer itself gave them: what `ServingCheck` holds the export against."""

import base64
import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

from mos_tf.features import LABEL

REFERENCE_FILE = "serving_reference.jsonl.gz"


def write_reference(path: str | Path, examples: Iterable[bytes], scores: Iterable[np.ndarray]) -> None:
    """Writes requests and the Trainer's scores of their candidates, one request a line.

    The file holds users' histories: keep it with the run (`fn_args.model_run_dir`), never inside the model.

    Args:
        path: where to; by convention `<model run>/serving_reference.jsonl.gz` (`REFERENCE_FILE`).
        examples: serialized `tf.Example`s as ExampleGen wrote them; labels are left out.
        scores: float [candidates] for each example, in the order of its candidates.

    Raises:
        ValueError: not as many scores as examples.
    """
    partial = f"{path}.partial"
    with gzip.open(partial, "wt", encoding="utf-8") as file:
        for example, values in zip(examples, scores, strict=True):
            request = {"example": base64.b64encode(_without_label(example)).decode(), "scores": [*map(float, values)]}
            file.write(json.dumps(request) + "\n")
    os.replace(partial, path)


def read_reference(path: str | Path) -> tuple[list[bytes], list[np.ndarray]]:
    """Returns the serialized examples and, for each, its float32 [candidates] scores."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        requests = [json.loads(line) for line in file]
    examples = [base64.b64decode(request["example"]) for request in requests]
    return examples, [np.array(request["scores"], dtype=np.float32) for request in requests]


def _without_label(serialized: bytes) -> bytes:
    example = tf.train.Example.FromString(serialized)
    example.features.feature.pop(LABEL, None)
    return example.SerializeToString()
