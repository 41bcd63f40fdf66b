import tensorflow as tf

from mos_tf.datasets.vocabularies import count_vocabularies
from tests.support.ranked_requests import SPEC, planted_requests


def test_tokens_are_counted_over_histories_and_candidates_together(tmp_path):
    requests = planted_requests(size=20)
    path = str(tmp_path / "requests.gz")
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for request in requests:
            writer.write(request.to_example(SPEC).SerializeToString())
    seen = [token for r in requests for part in (r.history, r.candidates) for token in part["category"]]
    vocabularies = count_vocabularies([path], SPEC, {"category": 5})
    assert set(vocabularies) == {"item_id", "category", "channel", "store"}
    assert set(vocabularies["category"].tokens) == {token for token in seen if seen.count(token) >= 5}
    counted = [seen.count(token) for token in vocabularies["category"].tokens]
    assert counted == sorted(counted, reverse=True)
    assert set(vocabularies["store"].tokens) == {request.context["store"] for request in requests}
