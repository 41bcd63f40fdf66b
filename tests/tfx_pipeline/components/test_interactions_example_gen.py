import gzip
import json
from collections.abc import Callable
from pathlib import Path

import apache_beam as beam
import pytest
import tensorflow as tf
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import Artifact

from mos_tf.datasets.convert import convert
from mos_tf.datasets.tables import WEEK_SECONDS
from mos_tf.errors import DataError
from tests.support.small_log import SPEC, config, event, write_data_dir
from tfx_pipeline.components.interactions_example_gen import InteractionsExampleGen


@pytest.fixture
def log() -> list[dict]:
    """Two users with a basket a week, and one row that names nobody."""
    baskets = [(user, week) for user in ("ann", "bob") for week in range(10)]
    rows = [
        event(user, item, week * WEEK_SECONDS, f"{user}-{week}") for user, week in baskets for item in ("tea", "milk")
    ]
    return [*rows, event("", "tea", 5)]


def generate(examples: Artifact, data: Path, **settings: float | str) -> Artifact:
    InteractionsExampleGen.test_call(
        examples=examples,
        data_dir=str(data),
        spec=SPEC.model_dump_json(),
        config=config(**settings).model_dump_json(),
        input_fingerprint="abc",
        beam_pipeline=beam.Pipeline(),
    )
    return examples


def read(files: list[Path]) -> list[bytes]:
    return sorted(tf.data.TFRecordDataset(list(map(str, files)), compression_type="GZIP").as_numpy_iterator())


@pytest.mark.parametrize("negatives", ["exposed", "sampled"])
def test_splits_hold_the_requests_of_convert_where_stock_components_look(
    log: list[dict], artifact: Callable[..., Artifact], tmp_path: Path, negatives: str
):
    data = write_data_dir(tmp_path / "data", log)
    if negatives == "sampled":
        (data / "exposures.parquet").unlink()
    examples = generate(artifact("Examples"), data, max_bad_share=0.1, negatives=negatives)
    convert(data, tmp_path / "converted", SPEC, config(max_bad_share=0.1, negatives=negatives))
    assert examples.splits == ["train", "eval", "test"]
    assert examples_utils.get_payload_format(examples) == example_gen_pb2.FORMAT_TF_EXAMPLE
    for split in examples.splits:
        files = list((Path(examples.uri) / f"Split-{split}").iterdir())
        assert all(file.match("data_tfrecord-*-of-*.gz") for file in files)
        assert read(files) == read(list((tmp_path / "converted" / f"Split-{split}").iterdir())) != []


def test_counts_and_dead_letters_lie_beside_the_splits(
    log: list[dict], artifact: Callable[..., Artifact], tmp_path: Path
):
    data = write_data_dir(tmp_path / "data", log)
    examples = generate(artifact("Examples"), data, max_bad_share=0.1)
    counts = json.loads((Path(examples.uri) / "counts.json").read_text())
    letters = gzip.decompress((Path(examples.uri) / "dead_letters.jsonl.gz").read_bytes()).splitlines()
    assert (counts["rows"], counts["users"], counts["dead_letters"]) == (41, 2, {"missing_user": 1})
    assert [json.loads(letter)["reason"] for letter in letters] == ["missing_user"]


def test_too_many_bad_rows_fail_with_their_counts_and_the_rows_survive_the_execution(
    log: list[dict], artifact: Callable[..., Artifact], tmp_path: Path
):
    examples = artifact("Examples")
    kept = Path(f"{examples.uri}-dead_letters.jsonl.gz")
    with pytest.raises(DataError, match=rf"1 of 41 \(missing_user=1\).* in {kept}"):
        generate(examples, write_data_dir(tmp_path / "data", log), max_bad_share=0.01)
    assert json.loads(gzip.decompress(kept.read_bytes()))["reason"] == "missing_user"
