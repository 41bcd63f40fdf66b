"""What callers may give a sequence layer, and the one line they read when they give something else."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from mos_tf import MixtureOfSequence
from mos_tf.encoders import DIN, HSTU, SDIM, TWIN, Encoded, Mamba4Rec, SequenceEncoder, TransAct
from mos_tf.layers import EmbeddingRouter, ShortTermExpert
from mos_tf.moe import DSelectK, ExpertChoice, GShard
from tests.support.sequence_layers import DIM, Case, disturbed

HISTORY = tf.RaggedTensor.from_row_lengths(tf.ones([5, DIM]), [5, 0])
CANDIDATES = tf.ones([2, DIM])
ENCODERS = (DIN, SDIM, TWIN, TransAct, HSTU, Mamba4Rec)


@pytest.mark.parametrize("layer", [DIN(), MixtureOfSequence(DIN(), num_themes=2)], ids=["encoder", "mixture"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((tf.ones([2, 3, DIM]), CANDIDATES), r"reads a ragged history.*Received: EagerTensor of shape \(2, 3, 8\)"),
        ((HISTORY.with_values(tf.ones([5])), CANDIDATES), r"history with values of shape \(5,\)"),
        ((HISTORY, tf.ones([2, 3, DIM])), r"candidates with values of shape \(2, 3, 8\)"),
    ],
)
def test_what_is_no_ragged_history_is_refused(layer, arguments, message):
    with pytest.raises(ValueError, match=message):
        layer(*arguments)


@pytest.mark.parametrize("layer", [*(make() for make in ENCODERS), MixtureOfSequence(DIN(), num_themes=2)])
@pytest.mark.parametrize("number", [1, 3])
def test_a_request_more_or_less_on_one_side_is_refused(layer, number):
    for candidates in (
        tf.ones([number, DIM]),
        tf.RaggedTensor.from_row_lengths(tf.ones([4, DIM]), [4] + [0] * (number - 1)),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError, match="history and candidates are of the same requests"):
            layer(HISTORY, candidates)


def test_a_time_more_or_less_is_refused_also_in_a_graph():
    call = tf.function(lambda time: DIN_OF_TWO(HISTORY, CANDIDATES, history_time=time))
    with pytest.raises(tf.errors.InvalidArgumentError, match="history_time has one number an event"):
        call(tf.RaggedTensor.from_row_lengths(tf.ones([4], tf.int64), [4, 0]))


DIN_OF_TWO = DIN(num_heads=2)


@pytest.mark.parametrize("make", ENCODERS)
def test_an_event_from_behind_the_request_is_one_of_its_instant_and_a_time_without_end_still_gives_numbers(make):
    encoder, case = disturbed(make()), Case.random().inputs()
    time = case["history_time"]
    arguments = case["history"], case["candidates"]
    now, behind = (encoder(*arguments, history_time=time.with_values(0 * time.values - late)) for late in (0, 10**6))
    np.testing.assert_array_equal(now.flat_values, behind.flat_values)
    for seconds in (2**31, 10**15):
        long_ago = encoder(*arguments, history_time=time.with_values(0 * time.values + seconds))
        assert np.all(np.isfinite(long_ago.flat_values))


@pytest.mark.parametrize(
    "make",
    [
        lambda dtype: MixtureOfSequence(DIN(), num_themes=2, dtype=dtype),
        lambda dtype: GShard(DIN(), dtype=dtype),
        lambda dtype: ShortTermExpert(DIN(), dtype=dtype),
    ],
)
def test_a_layer_around_an_encoder_of_another_precision_is_refused(make):
    with pytest.raises(ValueError, match=r"Received: mixed_float16, around DIN in float32; give both the same dtype"):
        make("mixed_float16")


@pytest.mark.parametrize(
    "make",
    [
        lambda e: MixtureOfSequence(e, num_themes=2, dtype="mixed_float16"),
        lambda e: GShard(e, num_experts=2, dtype="mixed_float16"),
    ],
)
def test_a_precision_given_to_both_is_computed_in(make):
    vectors = make(DIN(dtype="mixed_float16"))(HISTORY, CANDIDATES)
    assert vectors.dtype == tf.float16 and np.all(np.isfinite(vectors))


class Deep(DIN):
    """Forgets to tell its depth."""

    def __init__(self, depth: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth


@pytest.mark.parametrize("make", [lambda e: MixtureOfSequence(e, num_themes=2), GShard, DSelectK, ExpertChoice])
def test_an_encoder_that_cannot_be_copied_whole_is_refused(make):
    with pytest.raises(ValueError, match=r"Received: Deep, which leaves out \['depth'\]; return .*'depth': self.depth"):
        make(Deep(depth=5))


@keras.saving.register_keras_serializable("tests")
class Scaled(SequenceEncoder):
    """Tells all."""

    def __init__(self, scale: float, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def encode(self, history, candidates, candidate_rows=None, time=None):
        return Encoded(self.scale * candidates, candidates[:, :0])

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


def test_an_encoder_that_tells_all_is_copied_whole():
    mixture = MixtureOfSequence(Scaled(3.0), num_themes=2, fusion="mean")
    np.testing.assert_allclose(mixture(HISTORY, CANDIDATES), 3.0 * CANDIDATES)


@pytest.mark.parametrize("wrong", [DIN, MixtureOfSequence(DIN(), num_themes=2), None])
@pytest.mark.parametrize("make", [lambda e: MixtureOfSequence(e, num_themes=2), GShard, ShortTermExpert])
def test_what_is_no_encoder_is_refused(make, wrong):
    with pytest.raises(ValueError, match="wraps a SequenceEncoder. Received"):
        make(wrong)


def test_a_router_of_other_themes_is_refused():
    with pytest.raises(ValueError, match=r"num_themes=\(2, 4\), a router of \(2,\); make them equal"):
        MixtureOfSequence(DIN(), num_themes=(2, 4), router=EmbeddingRouter(2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: DIN(num_heads=0),
        lambda: DIN(hidden_units=0),
        lambda: SDIM(num_hashes=0),
        lambda: SDIM(signature_bits=0),
        lambda: TWIN(num_selected=0),
        lambda: TransAct(num_recent=0),
        lambda: HSTU(num_layers=0),
        lambda: Mamba4Rec(num_layers=0),
        lambda: Mamba4Rec(output_dim=0),
        lambda: MixtureOfSequence(DIN(), num_themes=2, window=0),
        lambda: MixtureOfSequence(DIN(), num_themes=2, session_gap=-1),
        lambda: ShortTermExpert(DIN(), window=0),
    ],
)
def test_a_size_below_one_is_refused(make):
    with pytest.raises(ValueError, match=r"needs a \w+ of 1 or more. Received: \w+=(0|-1)"):
        make()
