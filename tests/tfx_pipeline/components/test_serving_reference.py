from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.support.letter_ranker import request
from tfx_pipeline.components.serving_reference import read_reference, write_reference


def test_requests_and_scores_come_back_in_order(tmp_path: Path):
    written = [request("tea", "milk"), request()], [np.array([0.1, 0.2], np.float32), np.array([], np.float32)]
    write_reference(tmp_path / "reference", *written)
    examples, scores = read_reference(tmp_path / "reference")
    assert [tf.train.Example.FromString(example) for example in examples] == [
        tf.train.Example.FromString(example) for example in written[0]
    ]
    for read, wrote in zip(scores, written[1], strict=True):
        np.testing.assert_array_equal(read, wrote)
        assert read.dtype == np.float32


def test_labels_stay_behind(tmp_path: Path):
    write_reference(tmp_path / "reference", [request("tea", label=True)], [np.array([0.1])])
    examples, _ = read_reference(tmp_path / "reference")
    assert set(tf.train.Example.FromString(examples[0]).features.feature) == {"candidate_item_id"}


def test_a_write_that_fails_leaves_no_file(tmp_path: Path):
    with pytest.raises(ValueError):
        write_reference(tmp_path / "reference", [request("tea"), request("jam")], [np.array([0.1])])
    assert not (tmp_path / "reference").exists()
