"""One small ranker with random weights, exported and served once for all tests."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mos_tf import MixtureOfSequence, Request, SequenceRanker
from mos_tf.datasets.tensors import encode, parse_spec
from mos_tf.encoders import DIN
from serving.export import export_ranker
from serving.local_server import LocalServer
from tests.support.ranked_requests import SPEC, planted_dataset, planted_requests, vocabularies

VERSION = 3


@pytest.fixture(scope="session")
def ranker() -> SequenceRanker:
    sequence = MixtureOfSequence(DIN(num_heads=2), num_themes=(2, 4), window=5)
    num_ids = {name: vocabulary.num_ids for name, vocabulary in vocabularies().items()}
    ranker = SequenceRanker(SPEC, num_ids, sequence=sequence, embedding_dim=8)
    ranker.adapt(planted_dataset())
    randomise(ranker)
    return ranker


def randomise(ranker: SequenceRanker) -> None:
    """Gives every weight something to say, as the last layer starts at zero."""
    rng = np.random.default_rng(0)
    for weight in ranker.trainable_weights:
        weight.assign(rng.normal(scale=0.2, size=weight.shape))
    ranker.embed.seen.assign(tf.ones_like(ranker.embed.seen.value))  # as training would have shown every item


@pytest.fixture(scope="session")
def requests() -> list[Request]:
    """Five ordinary requests, one without events, one without candidates, one with neither."""
    return [*planted_requests([3, 30, 7, 1, 12], [4, 2, 8, 1, 5]), *planted_requests([0, 5, 0], [3, 0, 0], seed=1)]


@pytest.fixture(scope="session")
def examples(requests: list[Request]) -> list[bytes]:
    return [request.to_example(SPEC).SerializeToString() for request in requests]


@pytest.fixture(scope="session")
def expected(ranker: SequenceRanker, examples: list[bytes]) -> dict[str, tf.RaggedTensor]:
    """What the ranker itself says, without any export."""
    tables = {name: vocabulary.table() for name, vocabulary in vocabularies().items()}
    parsed = tf.io.parse_example(examples, parse_spec(SPEC, labels=False))
    return ranker.explain(encode(parsed, SPEC, tables))


@pytest.fixture(scope="session")
def model_dir(ranker: SequenceRanker, examples: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with one version."""
    directory = tmp_path_factory.mktemp("serving")
    export_ranker(ranker, directory / str(VERSION), spec=SPEC, vocabularies=vocabularies(), warmup=examples[:3])
    return directory


@pytest.fixture(scope="session")
def server(model_dir: Path) -> Iterator[LocalServer]:
    with LocalServer(model_dir, port=0) as server:
        yield server
