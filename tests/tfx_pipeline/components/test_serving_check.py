from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from tfx.types import Artifact

from tests.support.letter_ranker import LetterRanker, request
from tfx_pipeline.components.serving_check import ServingCheck
from tfx_pipeline.components.serving_reference import write_reference


def check(ranker: LetterRanker, artifact: Callable[..., Artifact]) -> Artifact:
    model, model_run, blessing = artifact("Model"), artifact("ModelRun"), artifact("InfraBlessing")
    ranker.save(Path(model.uri) / "Format-Serving")
    reference = Path(model_run.uri) / "serving_reference.jsonl.gz"
    write_reference(reference, [request("tea", "milk")], [np.array([0.375, 0.5])])
    ServingCheck.test_call(model=model, model_run=model_run, blessing=blessing)
    return blessing


def test_an_export_that_answers_as_the_trainer_did_is_blessed(artifact: Callable[..., Artifact]):
    blessing = check(LetterRanker(), artifact)
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_string_custom_property("reason") == ""
    assert [path.name for path in Path(blessing.uri).iterdir()] == ["INFRA_BLESSED"]


def test_an_export_that_needs_the_process_it_was_made_in_is_not_blessed_and_says_why(artifact: Callable[..., Artifact]):
    class InPython(LetterRanker):
        def score(self, letters: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(
                tf.numpy_function(lambda n: n.astype(np.float32) * 0.125, [letters], tf.float32), [None]
            )

    blessing = check(InPython(), artifact)
    reason = blessing.get_string_custom_property("reason")
    assert blessing.get_int_custom_property("blessed") == 0
    assert "must answer every request" in reason and "\n" not in reason
    assert (Path(blessing.uri) / "INFRA_NOT_BLESSED").read_text() == reason
