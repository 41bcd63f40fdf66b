"""Whether the server answers as the trained ranker does: real test requests, one a call and all in one call.

Run `python -m benchmarks.served_scores` after `make demo`.
"""

import time
from pathlib import Path
from typing import Annotated

import keras
import numpy as np
import tensorflow as tf
import typer

from mos_tf import Request, SequenceRanker, Vocabulary
from mos_tf.datasets.tensors import encode, parse_spec
from mos_tf.features import FeatureSpec
from serving import RankingClient
from serving.local_server import LocalServer
from serving.manifest import Manifest


def main(
    demo: Annotated[Path, typer.Option(help="Output directory of a pipeline run.")] = Path("build/demo"),
    count: Annotated[int, typer.Option(help="Test requests to send.")] = 1000,
) -> None:
    """Compare served with trained scores."""
    spec = Manifest.of_newest(demo / "serving").spec
    pipeline = demo / "pipeline"
    [*_, test] = sorted(pipeline.glob("InteractionsExampleGen/examples/*/Split-test"), key=_execution)
    files = [str(file) for file in sorted(test.iterdir())]
    records = list(tf.data.TFRecordDataset(files, "GZIP").take(count).as_numpy_iterator())
    requests = [Request.from_example(tf.train.Example.FromString(record), spec) for record in records]
    trained = _trained_scores(pipeline, spec, records)
    with LocalServer(demo / "serving", port=0) as server, RankingClient(server.address, spec, timeout=300) as client:
        client.rank(requests[:1])
        started = time.monotonic()
        singly = [client.rank([request])[0].scores for request in requests]
        seconds = time.monotonic() - started
        together = [ranking.scores for ranking in client.rank(requests)]
    print(
        f"{len(requests)} requests, {sum(map(len, trained))} candidates, {1000 * seconds / len(requests):.1f} ms a call"
    )
    for how, served in (("one a call", singly), ("all in one call", together)):
        difference = np.abs(np.concatenate(served) - np.concatenate(trained))
        print(f"{how}: {(difference <= 1e-5).mean():.4%} within 1e-5, largest difference {difference.max():.2g}")


def _trained_scores(pipeline: Path, spec: FeatureSpec, records: list[bytes]) -> list[np.ndarray]:
    """Scores of the ranker as the Trainer saved it, ids from Transform's vocabularies, a few requests a batch."""
    [*_, saved] = sorted(pipeline.glob("Trainer/model_run/*/ranker.keras"), key=_execution)
    [*_, assets] = sorted(pipeline.glob("Transform/transform_graph/*/transform_fn/assets"), key=_execution)
    ranker: SequenceRanker = keras.saving.load_model(saved)
    tables = {name: Vocabulary.load(assets / name).table() for name in spec.categoricals}
    scores = []
    for batch in tf.data.Dataset.from_tensor_slices(records).batch(50):
        features = encode(tf.io.parse_example(batch, parse_spec(spec, labels=False)), spec, tables)
        scores += [np.array(row) for row in ranker(features).to_list()]
    return scores


def _execution(path: Path) -> int:
    """Artifacts of later executions have higher numbers."""
    return max(int(part) for part in path.parts if part.isdigit())


if __name__ == "__main__":
    typer.run(main)
