"""What a mixture is bought for: fewer multiply-adds than mixtures of experts that dispatch whole requests."""

import pytest

from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.flops import cost
from mos_tf.moe import GShard
from mos_tf.study.config import named
from mos_tf.study.plan import ENCODERS_OF_THE_TABLES
from mos_tf.study.training import ENCODERS


@pytest.mark.parametrize("encoder", ENCODERS_OF_THE_TABLES)
def test_with_affinity_mos_costs_less_than_request_level_dispatch_at_the_sizes_of_the_made_log(encoder):
    spec = named("generated-hopping").spec

    def of(sequence, **affinity) -> float:
        ranker = SequenceRanker(spec, dict.fromkeys(spec.categoricals, 1000), sequence, **affinity)
        return cost(ranker, [114], [5]).total_multiply_adds

    dispatched = of(GShard(ENCODERS[encoder]()), affinity_levels=spec.item_categoricals)
    assert of(MixtureOfSequence(ENCODERS[encoder]())) < dispatched
