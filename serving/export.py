"""`export_ranker`: a trained ranker as a SavedModel that TF Serving loads and any gRPC client can ask."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import tensorflow as tf

from mos_tf.datasets.config import RequestConfig
from mos_tf.datasets.tensors import encode, parse_spec
from mos_tf.errors import MosError
from mos_tf.features import FeatureSpec
from mos_tf.vocabulary import Vocabulary
from serving.manifest import Manifest
from serving.warmup import write_warmup

if TYPE_CHECKING:
    from mos_tf.models import SequenceRanker

EXAMPLES = "examples"
SERVING = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
EXPLAIN = "explain"
PADDING = -1

Features = dict[str, tf.Tensor | tf.RaggedTensor]
Transform = Callable[[Features], Mapping[str, tf.Tensor | tf.RaggedTensor]]


def export_ranker(
    ranker: "SequenceRanker",
    directory: str | os.PathLike[str],
    *,
    spec: FeatureSpec,
    vocabularies: Mapping[str, Vocabulary] | None = None,
    transform: Transform | None = None,
    warmup: Sequence[bytes] = (),
    request_config: RequestConfig | None = None,
) -> None:
    """Writes the ranker, and what turns raw requests into its inputs, as one SavedModel.

    Both signatures take `examples`, serialized `tf.Example`s [batch] with the columns of the spec (labels are not
    read), and pad what they return with -1 after the last candidate:

        serving_default   scores float32 [batch, most candidates], num_candidates int64 [batch]
        explain           these, themes int64 [batch, most candidates], gates float32 [batch, most candidates, experts]

    Lists of a request that differ in length are an InvalidArgument error. No event, no candidate and no request at
    all are valid. The model is written beside the directory, then renamed, so a server never sees half of it.

    Args:
        ranker: a fitted ranker.
        directory: the SavedModel to write, new or empty; for a server `<model directory>/<version number>`.
        spec: the features of a request.
        vocabularies: one for each of `spec.categoricals`, as the ranker was trained with. Or:
        transform: maps parsed requests, a dict by column key without the label, to the ranker's inputs, such as the
            `TransformFeaturesLayer` of the pipeline. Where it holds state it must be trackable.
        warmup: serialized requests that a server answers by itself before it is ready: one call for each batch size
            from 1 to their number. Of their content nothing but the lengths is kept (see `write_warmup`).
        request_config: how the training requests were built; `mos rank` builds its requests alike.

    Raises:
        ValueError: not exactly one of `vocabularies` and `transform`, or vocabularies of other sizes than the
            ranker's.
        MosError: the directory holds something already.
    """
    directory = os.fspath(directory)
    if tf.io.gfile.exists(directory) and tf.io.gfile.listdir(directory):
        raise MosError(f"an export never replaces a model. Received: {directory} is not empty; name a new directory")

    module = tf.Module()
    # Keras 3 objects stay in closures: tracked ones store the weights twice, under names that TF Serving cannot find.
    module.ranker_variables = [variable.value for variable in ranker.variables]
    if vocabularies is not None and transform is None:
        _check_sizes(vocabularies, ranker, spec)
        module.tables = {name: vocabularies[name].table() for name in spec.categoricals}
        transform = partial(encode, spec=spec, tables=module.tables)
    elif transform is not None and vocabularies is None:
        module.transform = transform
    else:
        raise ValueError(
            "export_ranker takes exactly one of vocabularies and transform. "
            f"Received: vocabularies={vocabularies!r}, transform={transform!r}"
        )

    beside = f"{directory.rstrip('/')}.partial"
    if tf.io.gfile.exists(beside):  # of an export that was killed
        tf.io.gfile.rmtree(beside)
    tf.saved_model.save(module, beside, signatures=_signatures(ranker, spec, transform))
    Manifest(spec=spec, requests=request_config).save(beside)
    write_warmup(beside, warmup, (SERVING, EXPLAIN))
    tf.io.gfile.rename(beside, directory, overwrite=True)


def _signatures(ranker: "SequenceRanker", spec: FeatureSpec, transform: Transform) -> dict[str, Callable]:
    examples = tf.TensorSpec([None], tf.string, name=EXAMPLES)

    @tf.function(input_signature=[examples])
    def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return _padded(scores=ranker(transform(_parse(examples, spec))))

    @tf.function(input_signature=[examples])
    def explain(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        explained = ranker.explain(transform(_parse(examples, spec)))
        return _padded(
            scores=explained["scores"], themes=tf.cast(explained["themes"], tf.int64), gates=explained["gates"]
        )

    return {SERVING: serve, EXPLAIN: explain}


def _parse(examples: tf.Tensor, spec: FeatureSpec) -> Features:
    features = tf.io.parse_example(examples, parse_spec(spec, labels=False))
    checks = []
    for role in ("history", "candidate"):
        first, *others = (column.key for column in spec.columns() if column.role == role)
        checks += [
            tf.debugging.assert_equal(
                features[key].row_splits,
                features[first].row_splits,
                message=f"all {role} lists of a request must have equal length: {key} and {first} differ",
            )
            for key in others
        ]
    with tf.control_dependencies(checks):  # or whichever later step fails first would name another reason
        return {key: tf.identity(value) for key, value in features.items()}


def _padded(scores: tf.RaggedTensor, **others: tf.RaggedTensor) -> dict[str, tf.Tensor]:
    padded = {name: value.to_tensor(PADDING) for name, value in {"scores": scores, **others}.items()}
    return {**padded, "num_candidates": tf.cast(scores.row_lengths(), tf.int64)}


def _check_sizes(vocabularies: Mapping[str, Vocabulary], ranker: "SequenceRanker", spec: FeatureSpec) -> None:
    received = {name: vocabularies[name].num_ids for name in spec.categoricals if name in vocabularies}
    wanted = {name: ranker.num_ids[name] for name in spec.categoricals}
    if received != wanted:
        raise ValueError(
            f"vocabularies must be those that the ranker was trained with, with num_ids {wanted}. Received: {received}"
        )
