"""Routing, affinity and the mixture on Keras's JAX backend give what they give on TensorFlow."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.on_jax import run_on_jax
from tests.support.sequence_layers import DIM, TOKENS, Case

pytestmark = pytest.mark.slow


def answers() -> dict[str, np.ndarray]:
    """What the layers say of one batch, on whichever backend this process has."""
    import keras

    from mos_tf.encoders import DIN
    from mos_tf.layers import HistoryAffinity, HistorySimilarity, MixtureOfSequence
    from mos_tf.ragged import Rows

    case = Case.random((3, 0, 70, 1, 33), (2, 3, 1, 1, 2), seed=11)
    lengths = [len(events) for events in case.history]
    splits = keras.ops.convert_to_tensor(np.concatenate([[0], np.cumsum(lengths)]))
    rows = keras.ops.convert_to_tensor(np.repeat(np.arange(5), [len(candidates) for candidates in case.candidates]))
    history, candidates, seconds, tokens, wanted = (
        keras.ops.convert_to_tensor(np.concatenate(part))
        for part in (case.history, case.candidates, case.seconds, case.history_tokens, case.candidate_tokens)
    )

    keras.utils.set_random_seed(0)
    mixture = MixtureOfSequence(DIN(hidden_units=6, num_heads=2), num_themes=(2, 3), window=4)
    router = mixture.make_router(TOKENS + 1, routing_dim=4)
    sessions = np.repeat(np.arange(60), 3)
    router.adapt(sessions, np.random.default_rng(0).integers(0, TOKENS, 180))
    mixture.build((None, None, DIM), (None, None, DIM))
    for number, weight in enumerate(mixture.trainable_weights):
        weight.assign(np.random.default_rng(number).normal(scale=0.3, size=weight.shape))
    themes = router(tokens)
    column = router.routing_resolution
    mixed = mixture.mix(
        Rows(history, splits), candidates, rows, (themes[:, column], router(wanted)[:, column]), seconds
    )
    apart = MixtureOfSequence(DIN(hidden_units=6, num_heads=2), (2, 3), router=router, theme_weights="own")
    apart.build((None, None, DIM), (None, None, DIM))
    for number, weight in enumerate(apart.theme_expert.trainable_weights):
        weight.assign(np.random.default_rng(number).normal(scale=0.3, size=weight.shape))
    routed = (themes[:, column], router(wanted)[:, column])
    own = apart.theme_expert.encode(Rows(history, splits), candidates, rows, routed, seconds)
    affinity = HistoryAffinity(["token"]).match(Rows(seconds, splits), {"token": tokens}, {"token": wanted}, rows)
    similarity = HistorySimilarity(TOKENS + 1, ["token"], dim=4)
    similarity.vectors.assign(np.random.default_rng(1).normal(size=(TOKENS + 1, 4)))
    similar = similarity.match(Rows(seconds, splits), tokens, wanted, {"token": tokens}, {"token": wanted}, rows)
    by_session = router.session_themes(tokens, keras.ops.cumsum(keras.ops.cast(tokens == 0, splits.dtype)))
    return {
        name: np.asarray(value)
        for name, value in {
            "vectors": mixed.vectors,
            "own_weights": own.vectors,
            "gates": mixed.gates,
            "evidence": mixed.evidence,
            "themes": themes,
            "session_themes": by_session,
            "affinity": affinity,
            "similarity": similar,
        }.items()
    }


def test_mixture_routing_and_affinity_give_the_same_on_jax(tmp_path):
    run_on_jax("tests.mos_tf.layers.test_layers_on_jax", str(tmp_path / "jax.npz"))
    on_jax = np.load(tmp_path / "jax.npz")
    for name, value in answers().items():
        np.testing.assert_allclose(on_jax[name], value, atol=2e-5, err_msg=name)


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]), **answers())  # type: ignore[arg-type]
