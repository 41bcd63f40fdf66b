import numpy as np
import pytest
import tensorflow as tf

from benchmarks.padded.din import PaddedDIN
from benchmarks.padded.mixture import PaddedMixture
from benchmarks.padded.sdim import PaddedSDIM
from mos_tf import MixtureOfSequence
from mos_tf.encoders import DIN
from mos_tf.encoders.sdim import SDIM
from tests.support.sequence_layers import TOKENS, Case, disturb

PAIRS = {
    "DIN": (lambda: DIN(num_heads=2), lambda: PaddedDIN(num_heads=2)),
    "SDIM": (lambda: SDIM(num_hashes=12), lambda: PaddedSDIM(num_hashes=12)),
}


@pytest.mark.parametrize("encoder", PAIRS)
@pytest.mark.parametrize("lengths", [(3, 0, 70, 12), (3, 0, 1, 2)], ids=["longer than the window", "shorter"])
def test_padded_mixture_gives_the_ragged_ones_numbers_with_its_weights(encoder, lengths):
    make_ragged, make_padded = PAIRS[encoder]
    case = Case.random(lengths, (1, 1, 1, 1), routed=True).inputs()
    history, candidates = case["history"], case["candidates"].flat_values
    tokens, wanted = case["routing_history"], case["routing_candidates"].flat_values
    mixture = MixtureOfSequence(make_ragged(), num_themes=3, window=5)
    mixture.make_router(TOKENS).adapt(np.arange(40) // 4, np.arange(40) % (TOKENS - 1))
    mixture(history, candidates, routing=(tokens, wanted))
    disturb(mixture)

    padded = PaddedMixture(make_padded, window=5)
    themes, candidate_themes = mixture.router(tokens.to_tensor())[..., 0], mixture.router(wanted)[..., 0]
    arguments = history.to_tensor(), tf.sequence_mask(history.row_lengths()), candidates, themes, candidate_themes
    padded(*arguments)
    padded.copy_weights(mixture)
    ragged = mixture(history, candidates, routing=(tokens, wanted))
    np.testing.assert_allclose(padded(*arguments), ragged, atol=2e-5)
