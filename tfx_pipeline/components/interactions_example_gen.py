"""`InteractionsExampleGen`: a data directory → requests in the splits that stock components read."""

import json
import logging
import os
from collections import Counter
from typing import Any

import apache_beam as beam
from apache_beam.io import WriteToText, WriteToTFRecord
from tfx.v1.dsl.components import BeamComponentParameter, OutputArtifact, Parameter, component
from tfx.v1.dsl.io import fileio
from tfx.v1.types.standard_artifacts import Examples

from mos_tf.datasets.config import SPLITS, RequestConfig
from mos_tf.datasets.convert import COUNTS as COUNTS_FILE
from mos_tf.datasets.convert import DEAD_LETTERS as DEAD_LETTERS_FILE
from mos_tf.datasets.convert import Counts
from mos_tf.datasets.events import check_bad_share
from mos_tf.errors import DataError
from mos_tf.features import FeatureSpec
from tfx_pipeline.beam.requests import COUNTS, DEAD_LETTERS, BuildRequests

_LOG = logging.getLogger(__name__)


@component(use_beam=True)
def InteractionsExampleGen(  # noqa: N802 (a component is named like a class)
    examples: OutputArtifact[Examples],
    data_dir: Parameter[str],
    spec: Parameter[str],
    config: Parameter[str],
    input_fingerprint: Parameter[str],
    beam_pipeline: BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Builds the requests of all users with Beam and writes them as gzipped TFRecords of `tf.Example`s.

    Beside the splits lie `dead_letters.jsonl.gz` (bad rows with their reason, user ids hashed) and `counts.json`
    (`Counts` as JSON), as `mos data convert` writes them.

    Args:
        examples: gets the splits train, eval and test.
        data_dir: local data directory: events, items and, unless negatives are sampled, exposures.
        spec: a `FeatureSpec` as JSON.
        config: a `RequestConfig` as JSON.
        input_fingerprint: of the data directory's content, so that unchanged data comes from the cache and changed
            data does not (see `fingerprint`).
        beam_pipeline: made by TFX from the pipeline's Beam arguments.

    Raises:
        DataError: a file or column is missing, or more than `max_bad_share` of the rows are bad: their counts, and
            the file that keeps them.
    """
    settings = RequestConfig.model_validate_json(config)
    with beam_pipeline as pipeline:
        built = pipeline | BuildRequests(data_dir, FeatureSpec.model_validate_json(spec), settings)
        for split in SPLITS:
            path = os.path.join(examples.uri, f"Split-{split}", "data_tfrecord")
            built[split] | f"Write[{split}]" >> WriteToTFRecord(path, file_name_suffix=".gz")
        for name, file in ((DEAD_LETTERS, DEAD_LETTERS_FILE), (COUNTS, COUNTS_FILE)):
            lines = built[name] | f"ToJson[{name}]" >> beam.Map(_to_json)
            lines | f"Write[{name}]" >> WriteToText(os.path.join(examples.uri, file), shard_name_template="")
    examples.splits = list(SPLITS)
    examples.set_int_custom_property("span", 0)
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    examples.set_string_custom_property("file_format", "tfrecords_gzip")
    examples.set_string_custom_property("input_fingerprint", input_fingerprint)
    _check_counts(examples.uri, settings)


def _check_counts(uri: str, config: RequestConfig) -> None:
    with fileio.open(os.path.join(uri, COUNTS_FILE), "r") as file:
        counts = json.load(file)
    requests, bad = Counter(counts["requests"]), Counter(counts["dead_letters"])
    made = ", ".join(f"{split} {requests[f'{split}/requests']}" for split in SPLITS)
    _LOG.info("Requests: %s, from %d rows, of which %d bad %s.", made, counts["rows"], bad.total(), dict(bad))
    try:
        check_bad_share(bad, counts["rows"], config)
    except DataError as error:
        kept = f"{uri}-{DEAD_LETTERS_FILE}"  # outside the artifact, which goes when the execution fails
        fileio.copy(os.path.join(uri, DEAD_LETTERS_FILE), kept)
        raise DataError(f"{error}. The bad rows are in {kept}") from None


def _to_json(value: Any) -> str:  # Beam reads annotations, and fails on a union with a dataclass, by chance
    return json.dumps(vars(value) if isinstance(value, Counts) else value, ensure_ascii=False, sort_keys=True)
