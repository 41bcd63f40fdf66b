"""`RankingHead`: two towers, one for the numbers of a candidate and one for what the history says of it."""

from typing import Any

import keras
import numpy as np
from keras import ops

from mos_tf.encoders.base import Shape
from mos_tf.layers.cross import Cross
from mos_tf.layers.piecewise_linear import PiecewiseLinearEmbedding


@keras.saving.register_keras_serializable("mos_tf")
class RankingHead(keras.layers.Layer):
    """Adds the logits of two towers (this project's formulation).

        logit_φ = MLP([u, clip(standardised φ, ±4)]) + w · e
        logit   = logit_φ + MLP([h ⊙ v_c, v_c, evidence]) + w' · Cross([φ, h ⊙ v_c, v_c, evidence])

    (the last layers of the second and third term start at zero; the third is there where `cross_layers` > 0)

    φ are the numbers of a candidate (affinity and numeric features), u and e their piecewise-linear embedding and its
    code, h the sequence layer's vector, v_c the candidate's; the request's context counts as evidence. So training
    starts from a model of affinity and adds what the sequence knows beyond it. Where a candidate has no numbers,
    logit_φ is 0.

    The first layer of the tower of numbers is narrow and its second wide: each number meets the first alone, so what a
    number costs, `number_dim · (number_units[0] + B) + number_units[0] + B` multiply-adds, depends on no other width.

    Args:
        number_units: hidden widths of the tower of numbers.
        number_dim: width of the embedding of each number.
        sequence_units: hidden widths of the tower of the sequence.
        dropout: on the hidden layers of both.
        cross_layers: DCN-v2 layers over what both towers see, for products across them.
    """

    def __init__(
        self,
        number_units: tuple[int, ...] = (48, 256),
        number_dim: int = 2,
        sequence_units: tuple[int, ...] = (64,),
        dropout: float = 0.1,
        cross_layers: int = 0,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)
        self.number_units = tuple(number_units)
        self.number_dim = number_dim
        self.sequence_units = tuple(sequence_units)
        self.dropout = dropout
        self.cross_layers = cross_layers
        self.standardise = keras.layers.Normalization(axis=-1, dtype="float32", name="standardise")
        self.embed_numbers = PiecewiseLinearEmbedding(number_dim, name="embed_numbers")
        self.code_weights = keras.layers.Dense(
            1, kernel_initializer="zeros", name="code_weights", dtype=self.dtype_policy
        )
        self.number_tower = self._tower(self.number_units, "number_tower")
        self.sequence_tower = self._tower(self.sequence_units, "sequence_tower")
        self.crosses = [Cross(name=f"cross_{order}", dtype=self.dtype_policy) for order in range(cross_layers)]
        if cross_layers:
            self.cross_weights = keras.layers.Dense(
                1, kernel_initializer="zeros", use_bias=False, name="cross_weights", dtype=self.dtype_policy
            )

    def _tower(self, units: tuple[int, ...], name: str) -> keras.Sequential:
        layers: list[keras.layers.Layer] = []
        for width in units:
            layers += [
                keras.layers.Dense(width, "relu", dtype=self.dtype_policy),
                keras.layers.Dropout(self.dropout, dtype=self.dtype_policy),
            ]
        zero_start = "zeros" if name == "sequence_tower" else "glorot_uniform"
        layers.append(keras.layers.Dense(1, kernel_initializer=zero_start, dtype="float32"))
        return keras.Sequential(layers, name=name)

    def build(self, numbers_shape: Shape, vectors_shape: Shape, candidates_shape: Shape, evidence_shape: Shape) -> None:
        numbers = numbers_shape[-1]
        self.has_numbers = numbers > 0
        if self.has_numbers:
            self.standardise.build((None, numbers))
            self.embed_numbers.build((None, numbers))
            self.code_weights.build((None, numbers * self.embed_numbers.num_bins))
            self.number_tower.build((None, numbers * (self.embed_numbers.embedding_dim + 1)))
        sequence = vectors_shape[-1] + candidates_shape[-1] + evidence_shape[-1]
        self.sequence_tower.build((None, sequence))
        if self.crosses:
            for cross in self.crosses:
                cross.build((None, numbers + sequence))
            self.cross_weights.build((None, numbers + sequence))
        self.built = True

    def adapt(self, numbers: np.ndarray) -> None:
        """Sets standardisation and quantiles from the numbers of training candidates, float [rows, J]."""
        if self.has_numbers:
            self.standardise.adapt(numbers)
            self.embed_numbers.adapt(numbers)

    @property
    def adapted(self) -> bool:
        """Whether `adapt` has run, here or before saving, or has nothing to do."""
        return self.embed_numbers.adapted or not self.has_numbers

    def standardised(self, numbers: Any) -> Any:
        """Returns φ standardised and clipped to ±4, [M, J]."""
        return ops.clip(self.standardise(numbers), -4.0, 4.0) if self.has_numbers else numbers

    def number_logits(self, numbers: Any, training: bool | None = None) -> Any:
        """Returns logit_φ, float32 [M]: what the numbers alone say."""
        if not self.has_numbers:
            return ops.zeros(ops.shape(numbers)[:1])
        embedded, code = self.embed_numbers(numbers)
        logit = self.number_tower(ops.concatenate([embedded, self.standardised(numbers)], axis=-1), training=training)
        return ops.squeeze(logit + ops.cast(self.code_weights(code), "float32"), axis=-1)

    @property
    def _number_layers(self) -> tuple[keras.layers.Layer, ...]:
        return (self.embed_numbers, self.number_tower, self.code_weights) if self.has_numbers else ()

    @property
    def number_weights(self) -> list[keras.Variable]:
        """The trainable weights behind `number_logits`; none while these are held."""
        return [weight for layer in self._number_layers for weight in layer.trainable_weights]

    @property
    def holds_numbers(self) -> bool:
        """Whether training leaves the tower of numbers as it is."""
        return not self.number_tower.trainable

    def hold_numbers(self, held: bool = True) -> None:
        """Keeps training from changing the tower of numbers, whose dropout is then off, or lets it again."""
        for layer in self._number_layers:
            layer.trainable = not held

    def call(self, numbers: Any, vectors: Any, candidates: Any, evidence: Any, training: bool | None = None) -> Any:
        """Returns logits, float32 [M]."""
        sequence = ops.concatenate([vectors * candidates, candidates, evidence], axis=-1)
        logit = self.sequence_tower(sequence, training=training)
        if self.crosses:
            first = ops.concatenate([ops.cast(self.standardised(numbers), sequence.dtype), sequence], axis=-1)
            crossed = first
            for cross in self.crosses:
                crossed = cross(first, crossed)
            logit += ops.cast(self.cross_weights(crossed), "float32")
        return self.number_logits(numbers, training and not self.holds_numbers) + ops.squeeze(logit, axis=-1)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "number_units": list(self.number_units),
            "number_dim": self.number_dim,
            "sequence_units": list(self.sequence_units),
            "dropout": self.dropout,
            "cross_layers": self.cross_layers,
        }
