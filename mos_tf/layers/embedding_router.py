"""`EmbeddingRouter`: themes of what has no token: given vectors, or the embeddings of the model itself."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from mos_tf.encoders.base import Shape
from mos_tf.errors import DataError
from mos_tf.layers.co_occurrence import codebook
from mos_tf.layers.router import Router, unit


@keras.saving.register_keras_serializable("mos_tf")
class EmbeddingRouter(Router):
    """Routes each vector to a theme through a projection of its own.

        r_i = P · sg[x_i] / |P · sg[x_i]|        z^K(i) = argmax_k cos(r_i, w^K_k)

    The projection starts orthogonal, so that angles are kept (where `dim` ≤ m), the codebooks at random or where
    `adapt` finds clusters of given vectors. Both learn from the router's own losses (see `Router`), never from the
    model's: sg is the stopped gradient, since losses that move shared embeddings cost the model accuracy. With
    `learn=False` nothing moves. Where tokens exist, `ThemeRouter.adapt` finds better themes before the first step.

    Args:
        num_themes: one or several resolutions K. The middle one routes the theme expert.
        routing_dim: m, width of r.
        learn: whether training moves projection and codebooks; without it the themes are those of `adapt`.
        codebook_weight, session_weight, balance_weight: α, λ and γ of `Router`, for `learn`.

    Call arguments:
        routing: float [..., dim], a tensor or RaggedTensor.

    Returns:
        int32 themes with a last axis of one column a resolution. Code K at resolution K: a vector of zeros.

    Raises:
        ValueError: a frozen one called before `adapt`; `num_themes` as `Router`.

    Example:

    >>> router = EmbeddingRouter(num_themes=2, learn=False)
    >>> router.adapt(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 2.0], [0.1, 3.0]]))
    >>> themes = router(ops.array([[5.0, 0.0], [0.2, 4.0], [0.0, 1.0], [0.0, 0.0]]))[:, 0].numpy()
    >>> bool(themes[0] != themes[1] == themes[2]), int(themes[3])
    (True, 2)
    """

    def __init__(
        self,
        num_themes: int | Sequence[int] = (8, 32, 128),
        routing_dim: int = 32,
        learn: bool = True,
        codebook_weight: float = 0.5,
        session_weight: float = 0.3,
        balance_weight: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(num_themes, routing_dim, learn, codebook_weight, session_weight, balance_weight, **kwargs)

    def build(self, routing_shape: Shape) -> None:
        self.projection = self.add_weight(
            shape=(routing_shape[-1], self.routing_dim),
            initializer=keras.initializers.Orthogonal(seed=0),
            trainable=self.learn,
            name="projection",
            dtype="float32",
            autocast=False,
        )
        self.built = True

    def adapt(self, embeddings: np.ndarray, seed: int = 0) -> None:
        """Starts the themes at the clusters of given vectors, by k-means of their r.

        Contents' vectors and those that a model has trained have clusters. For others, `learn_from` sessions some
        hundred steps first, with `codebook_weight=0`: L_session turns the projection to what sessions share.

        Args:
            embeddings: float [N, dim], a vector of each item, or of a sample of events.
            seed: of k-means.

        Raises:
            DataError: not a finite matrix of the router's width, or fewer distinct vectors than themes.
        """
        vectors = np.asarray(embeddings)
        finite = vectors.dtype.kind in "fiu" and np.isfinite(vectors)
        width = self.projection.shape[0] if self.built else None
        if vectors.ndim != 2 or not np.all(finite) or width not in (None, vectors.shape[1]):
            raise DataError(
                "themes are found in a finite matrix [N, dim], of the width that is routed. "
                f"Received: shape {list(vectors.shape)} of dtype {vectors.dtype}, {np.sum(np.logical_not(finite))} "
                f"values not finite, built for dim={width}; leave out items without a vector"
            )
        if not self.built:
            self.build(vectors.shape)
        routed = ops.convert_to_numpy(self.embed(ops.convert_to_tensor(vectors, dtype="float32")))
        found = [codebook(routed, np.ones(len(routed)), themes, seed) for themes in self.num_themes]
        for weight, themes in zip(self.codebooks, found, strict=True):
            weight.assign(themes)
        for load in self.loads:
            load.assign(np.full(load.shape, 1.0 / load.shape[0]))
        self.adapted = True

    def embed(self, routing: Any) -> Any:
        inputs = ops.stop_gradient(ops.cast(routing, "float32"))
        return unit(ops.matmul(inputs, ops.convert_to_tensor(self.projection)))

    def compute_output_spec(self, routing: keras.KerasTensor) -> keras.KerasTensor:
        return keras.KerasTensor((*routing.shape[:-1], len(self.num_themes)), dtype="int32", ragged=routing.ragged)

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(store)
        self.adapted = self.learn or all(np.any(ops.convert_to_numpy(themes)) for themes in self.codebooks)
