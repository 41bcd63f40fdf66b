"""The smallest model that ranks requests: a candidate's score is the number of letters of its id, times a weight."""

from pathlib import Path

import tensorflow as tf

PER_LETTER = 0.125


class LetterRanker(tf.Module):
    """Scores a candidate by the letters of its id: `per_letter` each."""

    def __init__(self, per_letter: float = PER_LETTER, padding: float = -1.0):
        super().__init__()
        self.per_letter = tf.Variable(per_letter)
        self.padding = padding

    def score(self, letters: tf.Tensor) -> tf.Tensor:
        return self.per_letter * tf.cast(letters, tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def rank(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        features = {"candidate_item_id": tf.io.RaggedFeature(tf.string)}
        candidates = tf.io.parse_example(examples, features)["candidate_item_id"]
        scores = candidates.with_flat_values(self.score(tf.strings.length(candidates.flat_values)))
        return {"scores": scores.to_tensor(self.padding), "num_candidates": candidates.row_lengths()}

    def save(self, model_dir: Path, signature: str = "serving_default") -> str:
        tf.saved_model.save(self, str(model_dir), signatures={signature: self.rank})
        return str(model_dir)


def request(*candidates: str, label: bool = False) -> bytes:
    """Returns a serialized request with these candidates."""
    ids = tf.train.BytesList(value=[candidate.encode() for candidate in candidates])
    features = {"candidate_item_id": tf.train.Feature(bytes_list=ids)}
    if label:
        features["label"] = tf.train.Feature(float_list=tf.train.FloatList(value=[1.0] * len(candidates)))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
