"""What a training starts from, found once for all encoders: themes, vectors, quantiles and the tower of numbers."""

import hashlib

import keras

from mos_tf import SequenceRanker
from mos_tf.models.first_stage import FirstStage
from mos_tf.study.data import StudyData
from mos_tf.study.lock import locked
from mos_tf.study.mean_pooling import MeanPooling
from mos_tf.study.provenance import code
from mos_tf.study.variants import Variant

_STARTS = "starts"
_ADAPTED = 1024  # requests a batch


def start_of(variant: Variant, data: StudyData, seed: int) -> SequenceRanker:
    """Returns a ranker that has been adapted and whose first stage is trained, around no encoder to speak of.

    None of this depends on the encoder, so it is kept beside the data for all rows with the same numbers and themes,
    until the code is another, which may begin otherwise or with other shapes.

    Args:
        variant: the row.
        data: whose training requests are looked at.
        seed: of the first stage, and of themes drawn by chance.
    """
    alike = variant.start
    name = hashlib.sha256(f"{alike} {seed} {code()}".encode()).hexdigest()[:16]
    path = data.directory / _STARTS / f"{name}.keras"
    with locked(path):  # two trials of a row begin together
        if not path.is_file():
            keras.utils.set_random_seed(seed)
            ranker = alike.make(data, MeanPooling, seed)
            ranker.first_stage = FirstStage(epochs=data.config.budget.first_stage_epochs)
            ranker.prepare(data.train.batches(_ADAPTED), None)
            beside = path.with_suffix(".part.keras")
            ranker.save(beside)
            beside.rename(path)
    return keras.models.load_model(path)
