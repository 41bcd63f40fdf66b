"""`ShortTermExpert`: any encoder over the recent events only."""

from typing import Any

import keras

from mos_tf.encoders.arguments import positive
from mos_tf.encoders.base import Encoded, SequenceEncoder, Shape, check_encoder
from mos_tf.ragged import Rows, last_events


@keras.saving.register_keras_serializable("mos_tf")
class ShortTermExpert(SequenceEncoder):
    """Encodes the last W events of each row, whatever the encoder.

        h_short = E(last W events, v_c)

    Args:
        encoder: any `SequenceEncoder`.
        window: W.

    Raises:
        ValueError: a window below 1, or an encoder of another precision than the expert's.

    Example:

    >>> import tensorflow as tf
    >>> from mos_tf.encoders import DIN
    >>> history = tf.RaggedTensor.from_row_lengths(tf.random.normal([60, 8]), [60, 0])
    >>> ShortTermExpert(DIN(), window=10)(history, tf.random.normal([2, 8])).shape
    TensorShape([2, 8])
    """

    def __init__(self, encoder: SequenceEncoder, window: int = 10, **kwargs: Any):
        super().__init__(output_dim=getattr(encoder, "output_dim", None), **kwargs)
        positive(self, window=window)
        check_encoder(self, encoder)
        self.encoder = encoder
        self.window = window

    @property
    def evidence_dim(self) -> int:  # type: ignore[override]
        """Width of the evidence, the encoder's."""
        return self.encoder.evidence_dim

    def build(self, history_shape: Shape, candidates_shape: Shape) -> None:
        if not self.encoder.built:  # it is, where it was read from a file
            self.encoder.build(history_shape, candidates_shape)
        self.output_dim = self.encoder.output_dim
        self.built = True

    def encode(self, history: Rows, candidates: Any, candidate_rows: Any = None, time: Any = None) -> Encoded:
        recent = last_events(history, self.window)
        recent_time = None if time is None else recent.rows(time).values
        return self.encoder.encode(recent.rows(history.values), candidates, candidate_rows, recent_time)

    def get_config(self) -> dict:
        config = super().get_config()
        del config["output_dim"]  # the encoder's
        return {**config, "encoder": keras.saving.serialize_keras_object(self.encoder), "window": self.window}

    @classmethod
    def from_config(cls, config: dict) -> "ShortTermExpert":
        return cls(**{**config, "encoder": keras.saving.deserialize_keras_object(config["encoder"])})
