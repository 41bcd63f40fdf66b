"""`run_fn`: what the Trainer executes."""

import logging
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tfx.v1.components import FnArgs

from mos_tf import FeatureSpec, MixtureOfSequence, SequenceRanker, Vocabulary
from mos_tf.datasets.config import RequestConfig
from mos_tf.datasets.tensors import parse_spec
from mos_tf.encoders import DIN
from mos_tf.models.fitting import Fitted, fit_best
from serving.export import export_ranker
from tfx_pipeline.components.serving_reference import REFERENCE_FILE, write_reference
from tfx_pipeline.config import TrainingConfig
from tfx_pipeline.training.datasets import Requests
from tfx_pipeline.training.record import count_tokens, theme_record, training_record

RANKER_FILE = "ranker.keras"
TRAINING_FILE = "training.json"
THEMES_FILE = "themes.json"

_LOG = logging.getLogger(__name__)
_REFERENCE_REQUESTS = 100  # sent in one call, too: memory grows with their events times candidates
_WARMUP_REQUESTS = 8


def run_fn(fn_args: FnArgs) -> None:
    """Trains a `SequenceRanker` and exports it.

    Writes the export into the model, and into the model run the ranker itself (`ranker.keras`), its record
    (`training.json`, `themes.json`) and the scores that the serving check expects.

    Args:
        fn_args: the Trainer's arguments; `custom_config` holds `spec`, a `FeatureSpec`, `requests`, a `RequestConfig`,
            and `training`, a `TrainingConfig`, all as JSON.
    """
    started = time.monotonic()
    spec = FeatureSpec.model_validate(fn_args.custom_config["spec"])
    config = TrainingConfig.model_validate(fn_args.custom_config["training"])
    keras.utils.set_random_seed(config.seed)
    transformed = tft.TFTransformOutput(fn_args.transform_output)
    transform = transformed.transform_features_layer()
    vocabularies = {name: Vocabulary.load(transformed.vocabulary_file_by_name(name)) for name in spec.categoricals}
    train = Requests(fn_args, fn_args.train_files, transform)
    validation = Requests(fn_args, fn_args.eval_files, transform)

    ranker = _make_ranker(spec, vocabularies, config)
    ranker.adapt(train.once(config.batch_size))
    fitted = fit_best(
        ranker,
        train.endless(config.batch_size, config.seed),
        validation.once(config.batch_size),
        steps=config.steps,
        validations=config.validations,
        learning_rate=config.learning_rate,
        callbacks=[_Progress()],
    )
    _tell_what_was_kept(fitted)

    run_dir = Path(fn_args.model_run_dir)
    run_dir.mkdir(parents=True, exist_ok=True)
    ranker.save(run_dir / RANKER_FILE)
    examples = validation.anonymous_examples(_REFERENCE_REQUESTS)
    parsed = tf.io.parse_example(examples, parse_spec(spec, labels=False))
    scores = ranker(transform(parsed))
    write_reference(run_dir / REFERENCE_FILE, examples, (np.array(row) for row in scores.to_list()))
    export_ranker(
        ranker,
        fn_args.serving_model_dir,
        spec=spec,
        transform=transform,
        warmup=examples[:_WARMUP_REQUESTS],
        request_config=RequestConfig.model_validate(fn_args.custom_config["requests"]),
    )

    themes, token = ranker.theme_table(), vocabularies[spec.theme_token]
    counts = count_tokens(train.once(config.batch_size), spec.theme_token, token.num_ids)
    training = training_record(fitted, themes, counts, config.steps, time.monotonic() - started)
    (run_dir / TRAINING_FILE).write_text(training.model_dump_json())
    (run_dir / THEMES_FILE).write_text(theme_record(token.tokens, themes, counts).model_dump_json())


def _make_ranker(spec: FeatureSpec, vocabularies: dict[str, Vocabulary], config: TrainingConfig) -> SequenceRanker:
    return SequenceRanker(
        spec,
        {name: vocabulary.num_ids for name, vocabulary in vocabularies.items()},
        MixtureOfSequence(DIN(), num_themes=config.num_themes, window=config.window),
        embedding_dim=config.embedding_dim,
    )


def _tell_what_was_kept(fitted: Fitted) -> None:
    if fitted.kept:
        _LOG.info("Kept the state after validation %d.", fitted.kept)
    else:
        _LOG.warning(
            "At no validation did the ranker rank better than before the first step; that state was kept, where what "
            "is counted of a candidate alone has a say. More steps, requests or another learning rate may change that."
        )


class _Progress(keras.callbacks.Callback):
    """Logs a line a validation, so that a long training is seen to move."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        _LOG.info(
            "Validation %d of %d: loss %.4f, AUC %.4f, GAUC %.4f.",
            epoch + 1,
            self.params["epochs"],
            *(logs[f"val_{name}"] for name in ("loss", "auc", "gauc")),
        )
