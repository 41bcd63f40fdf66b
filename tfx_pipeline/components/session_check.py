"""Holds an exported model, loaded as TF Serving loads it, against the scores it had in training."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from mos_tf.errors import GateError

SIGNATURE = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
INPUT = "examples"
OUTPUTS = ("scores", "num_candidates")
PADDING = -1.0

Rank = Callable[[Sequence[bytes]], list[np.ndarray]]


def check_export(
    model_dir: str, examples: Sequence[bytes], scores: Sequence[np.ndarray], *, tolerance: float, agreement: float
) -> None:
    """Raises where the export does not answer as the trained model does, one request a call or all in one.

    The v1 Session loader is the one the server uses: it knows variables by their names in the file and nothing of
    the Python objects that made them.

    Args:
        model_dir: SavedModel whose `serving_default` maps `examples` (serialized, [batch]) to `scores` (float
            [batch, most candidates], padded with -1) and `num_candidates` (int [batch]).
        examples: serialized requests without labels.
        scores: for each example the trained model's scores, float [candidates].
        tolerance: a score agrees when it differs by no more than this.
        agreement: share of the scores that have to agree.

    Raises:
        GateError: what is missing or differs, by how much, and for which request.
    """
    if not sum(map(len, scores)):
        raise GateError(f"the serving check needs candidates. Received: {len(scores)} requests without any")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        rank = _load(session, model_dir)
        _compare(rank(examples), scores, "all in one call", tolerance, agreement)
        singly = [row for example in examples for row in rank([example])]
        _compare(singly, scores, "one a call", tolerance, agreement)


def _load(session: tf.compat.v1.Session, model_dir: str) -> Rank:
    """Returns serialized examples → the scores of each, float [candidates]."""
    try:
        signatures = tf.compat.v1.saved_model.load(session, [tf.saved_model.SERVING], model_dir).signature_def
    except (OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise GateError(f"the server's loader must load the model. Received: {_first_line(error)}") from None
    if SIGNATURE not in signatures:
        raise GateError(f"the model must have a signature {SIGNATURE!r}. Received: {sorted(signatures)}")
    inputs, outputs = signatures[SIGNATURE].inputs, signatures[SIGNATURE].outputs
    if set(inputs) != {INPUT} or not set(OUTPUTS) <= set(outputs):
        raise GateError(
            f"{SIGNATURE!r} must map {INPUT!r} to {list(OUTPUTS)}. Received: {sorted(inputs)} to {sorted(outputs)}"
        )
    fetches = [outputs[name].name for name in OUTPUTS]

    def rank(examples: Sequence[bytes]) -> list[np.ndarray]:
        try:
            scores, lengths = session.run(fetches, {inputs[INPUT].name: np.array(examples, dtype=np.object_)})
        except tf.errors.OpError as error:
            raise GateError(f"the model must answer every request. Received: {_first_line(error)}") from None
        if np.any(scores[np.arange(scores.shape[1]) >= lengths[:, None]] != PADDING):
            raise GateError(f"what follows the last candidate's score must be {PADDING}. Received: other values")
        return [row[:length] for row, length in zip(scores, lengths, strict=True)]

    return rank


def _compare(
    served: Sequence[np.ndarray], trained: Sequence[np.ndarray], sent: str, tolerance: float, agreement: float
) -> None:
    for request, (got, wanted) in enumerate(zip(served, trained, strict=True)):
        if len(got) != len(wanted):
            raise GateError(
                f"the model must score every candidate once. Received: {len(got)} scores for {len(wanted)} candidates "
                f"(request {request}, {sent})"
            )
    difference = np.abs(np.concatenate(served) - np.concatenate(trained))
    agrees = difference <= tolerance  # NaN agrees with nothing
    if agrees.mean() < agreement:
        request = np.repeat(np.arange(len(trained)), [len(scores) for scores in trained])[np.argmin(agrees)]
        raise GateError(
            f"{agreement:.1%} of the served scores must be within {tolerance} of the trained model's. "
            f"Received: {agrees.mean():.1%}, largest difference {difference.max():.3g}, first in request {request} "
            f"({sent}). Export the model that was trained"
        )


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
