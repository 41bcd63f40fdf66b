"""The files that must load for ever: one small model a layer, and rankers, as this version saves them.

python -m tests.support.saved_files 1    # writes tests/saved/format-1, which is then never written again
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mos_tf import FirstStage, MixtureOfSequence, SequenceRanker
from mos_tf.encoders import DIN, HSTU, SDIM, TWIN, Mamba4Rec, SequenceEncoder, TransAct
from mos_tf.moe import DSelectK, ExpertChoice, GShard
from tests.support.ranked_requests import RICH_SPEC, SPEC, planted_dataset, planted_item_table, vocabularies
from tests.support.sequence_layers import TOKENS, Case, call, disturb, flat_signature

SAVED = Path(__file__).resolve().parents[1] / "saved"
CASE = Case.random((3, 0, 40, 1), (2, 3, 0, 1), routed=True, seed=21)


def small_din() -> DIN:
    return DIN(hidden_units=4, num_heads=2)


def small_transact() -> TransAct:
    return TransAct(num_heads=2, feed_forward=6, num_layers=1, num_recent=3)


def mixture(**options) -> MixtureOfSequence:
    layer = MixtureOfSequence(small_din(), num_themes=(2, 3), window=4, **options)
    router = layer.make_router(TOKENS + 1, routing_dim=4)
    router.adapt(np.repeat(np.arange(60), 3), np.random.default_rng(0).integers(0, TOKENS, 180))
    return layer


LAYERS: dict[str, Callable[[], keras.layers.Layer]] = {
    "din": small_din,
    "sdim": lambda: SDIM(num_hashes=12),
    "twin": lambda: TWIN(num_selected=5, num_heads=2),
    "transact": small_transact,
    "hstu": HSTU,
    "mamba4rec": lambda: Mamba4Rec(state_dim=3),
    "mixture": mixture,
    "light_mixture": lambda: mixture(experts=("short", "theme"), fusion="concatenation"),
    "embedding_mixture": lambda: MixtureOfSequence(small_din(), num_themes=3),
    "gshard": lambda: GShard(small_din(), num_experts=2),
    "dselect_k": lambda: DSelectK(small_din(), num_experts=4),
    "expert_choice": lambda: ExpertChoice(small_din(), num_experts=2),
}


def small_ranker(encoder: Callable[[], SequenceEncoder] = small_din, **options) -> SequenceRanker:
    """A ranker of the plain requests, or of rich ones where it has an item table."""
    spec = RICH_SPEC if "item_table" in options else SPEC
    ids = {name: vocabularies()[name].num_ids for name in spec.categoricals if name in vocabularies()}
    sequence = MixtureOfSequence(encoder(), num_themes=(2, 3), window=4)
    return SequenceRanker(spec, ids, sequence, embedding_dim=4, **options)


RANKERS: dict[str, Callable[[], SequenceRanker]] = {
    "ranker": small_ranker,
    "transact_ranker": lambda: small_ranker(small_transact),
    "rich_ranker": lambda: small_ranker(
        item_table=planted_item_table(),
        first_stage=FirstStage(epochs=1),
        time_features=True,
        priors=True,
        cross_layers=1,
    ),
}


def requests_of(name: str) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    spec = RICH_SPEC if name == "rich_ranker" else SPEC
    features, _ = next(iter(planted_dataset(batch_size=8, spec=spec)))
    return features


def inputs_of(name: str) -> dict[str, tf.RaggedTensor]:
    inputs = CASE.inputs()
    if name not in ("mixture", "light_mixture"):
        del inputs["routing_history"], inputs["routing_candidates"]
    return inputs


def write(directory: Path) -> None:
    """Writes a `.keras` file and the answers of every layer, and one SavedModel."""
    directory.mkdir(parents=True)
    keras.utils.set_random_seed(0)
    answers: dict[str, Any] = {}
    for name, make in LAYERS.items():
        inputs = inputs_of(name)
        layer = make()
        symbolic = {
            key: keras.Input(value.shape[1:], dtype=value.dtype.name, ragged=True, name=key)
            for key, value in inputs.items()
        }
        model = keras.Model(symbolic, call(layer, symbolic))
        disturb(layer)
        answers[name] = model(inputs).flat_values
        model.save(directory / f"{name}.keras")
        if name == "mixture":
            flat_signature(layer, inputs, directory / "saved_model")
    answers |= write_rankers(directory)
    np.savez(directory / "answers.npz", **answers)


def write_rankers(directory: Path) -> dict[str, np.ndarray]:
    """Writes a `.keras` file of every ranker after an epoch, and returns the answers."""
    answers = {}
    for name, make in RANKERS.items():
        ranker = make()
        ranker.compile(keras.optimizers.SGD(0.01))  # without moments, which would take two thirds of the file
        ranker.fit(planted_dataset(spec=ranker.spec), verbose=0)
        ranker.save(directory / f"{name}.keras")
        answers[name] = ranker(requests_of(name)).flat_values.numpy()
    return answers


if __name__ == "__main__":
    write(SAVED / f"format-{sys.argv[1]}")
