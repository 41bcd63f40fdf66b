"""`EmbeddingRouter`: themes of what has no token: given vectors, or the embeddings of the model itself."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from mos_tf.encoders.base import Shape
from mos_tf.layers.router import Router, unit


@keras.saving.register_keras_serializable("mos_tf")
class EmbeddingRouter(Router):
    """Routes each vector to a theme through a projection of its own.

        r_i = P · sg[x_i] / |P · sg[x_i]|        z^K(i) = argmax_k cos(r_i, w^K_k)

    The projection starts orthogonal, so that angles are kept, the codebooks at random; both learn from the router's own
    losses (see `Router`), never from the model's: sg is the stopped gradient, since losses that move shared embeddings
    cost the model accuracy. Where tokens exist, `ThemeRouter.adapt` finds better themes before the first step.

    Args:
        num_themes: one or several resolutions K, ascending. The middle one routes the theme expert.
        routing_dim: m, width of r.
        codebook_weight, session_weight, balance_weight: α, λ and γ of `Router`.

    Call arguments:
        routing: float [..., dim], a tensor or RaggedTensor.

    Returns:
        int32 themes with a last axis of one column a resolution.

    Example:

    >>> router = EmbeddingRouter(num_themes=4)
    >>> router(ops.ones((3, 8))).shape
    TensorShape([3, 1])
    """

    def __init__(
        self,
        num_themes: int | Sequence[int] = (8, 32, 128),
        routing_dim: int = 32,
        codebook_weight: float = 0.5,
        session_weight: float = 0.3,
        balance_weight: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(num_themes, routing_dim, True, codebook_weight, session_weight, balance_weight, **kwargs)

    def build(self, routing_shape: Shape) -> None:
        self.projection = self.add_weight(
            shape=(routing_shape[-1], self.routing_dim),
            initializer=keras.initializers.Orthogonal(seed=0),
            name="projection",
            dtype="float32",
            autocast=False,
        )
        self.built = True

    def embed(self, routing: Any) -> Any:
        inputs = ops.stop_gradient(ops.cast(routing, "float32"))
        return unit(ops.matmul(inputs, ops.convert_to_tensor(self.projection)))

    def compute_output_spec(self, routing: keras.KerasTensor) -> keras.KerasTensor:
        return keras.KerasTensor((*routing.shape[:-1], len(self.num_themes)), dtype="int32", ragged=routing.ragged)

    def get_config(self) -> dict:
        config = super().get_config()
        del config["learn"]  # always
        return config
