"""The encoders under measurement, and the same in padded form."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from benchmarks.layers.batches import mixture_of
from benchmarks.layers.sizes import Sizes
from benchmarks.padded.din import PaddedDIN
from benchmarks.padded.hstu import PaddedHSTU
from benchmarks.padded.mamba4rec import PaddedMamba4Rec
from benchmarks.padded.mixture import PaddedMixture
from benchmarks.padded.sdim import PaddedSDIM
from benchmarks.padded.transact import PaddedTransAct
from benchmarks.padded.twin import PaddedTWIN
from mos_tf.encoders.base import SequenceEncoder
from mos_tf.encoders.din import DIN
from mos_tf.encoders.hstu import HSTU
from mos_tf.encoders.mamba4rec import Mamba4Rec
from mos_tf.encoders.sdim import SDIM
from mos_tf.encoders.transact import TransAct
from mos_tf.encoders.twin import TWIN


@dataclass(frozen=True)
class Model:
    """An encoder in both forms.

    Args:
        ragged: gives ours, encoding all events.
        padded: gives the same mathematics on padded tensors, of width `dim`.
    """

    ragged: Callable[[], SequenceEncoder]
    padded: Callable[[int], keras.layers.Layer]


MODELS = {
    "DIN": Model(DIN, lambda dim: PaddedDIN()),
    "SDIM": Model(SDIM, lambda dim: PaddedSDIM()),
    "TWIN": Model(TWIN, lambda dim: PaddedTWIN()),
    "TransAct": Model(lambda: TransAct(max_events=None), lambda dim: PaddedTransAct(output_dim=dim)),
    "HSTU": Model(HSTU, lambda dim: PaddedHSTU(dim=dim)),
    "Mamba4Rec": Model(Mamba4Rec, lambda dim: PaddedMamba4Rec()),
}
LINEAR = ("DIN", "SDIM", "TWIN", "Mamba4Rec")
QUADRATIC = ("TransAct", "HSTU")
_SMALL_BATCH = ("TransAct", "HSTU", "Mamba4Rec")


def mixture_name(encoder: str) -> str:
    """Names the mixture around an encoder."""
    return f"MoS({encoder})"


def _encoder(name: str) -> tuple[str, bool]:
    inner = name.removeprefix("MoS(").removesuffix(")")
    return inner, inner != name


def is_mixture(name: str) -> bool:
    """Says whether a name is of a mixture."""
    return _encoder(name)[1]


def ragged_layer(name: str, sizes: Sizes) -> Any:
    """Returns our layer of a name such as "DIN" or "MoS(DIN)"."""
    encoder, mixed = _encoder(name)
    layer = MODELS[encoder].ragged()
    return mixture_of(layer, sizes) if mixed else layer


def padded_layer(name: str, sizes: Sizes) -> keras.layers.Layer:
    """Returns the padded layer of that name."""
    encoder, mixed = _encoder(name)
    return PaddedMixture(lambda: MODELS[encoder].padded(sizes.dim)) if mixed else MODELS[encoder].padded(sizes.dim)


def batch_size(name: str, sizes: Sizes) -> int:
    """Returns how many requests a training step of that layer has."""
    return sizes.quadratic_batch if _encoder(name)[0] in _SMALL_BATCH else sizes.batch
