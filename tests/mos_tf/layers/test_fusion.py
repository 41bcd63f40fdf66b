import numpy as np
import pytest

from mos_tf.layers import Fusion


def test_the_mixture_is_the_gated_sum_of_the_experts():
    rng = np.random.default_rng(0)
    candidates, experts, affinity = rng.normal(size=(4, 3)), rng.normal(size=(4, 2, 5)), rng.normal(size=(4, 6))
    fusion = Fusion(hidden_units=7)
    fusion(candidates, experts, affinity)
    fusion.gate.kernel.assign(rng.normal(size=(7, 2)))
    mixed, gates = fusion(candidates, experts, affinity)
    inputs = np.concatenate([candidates, experts.reshape(4, 10), affinity], axis=1)
    hidden = inputs @ np.asarray(fusion.hidden.kernel) + np.asarray(fusion.hidden.bias)
    scores = hidden / (1 + np.exp(-hidden)) @ np.asarray(fusion.gate.kernel) + np.asarray(fusion.gate.bias)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(gates, expected, atol=1e-5)
    np.testing.assert_allclose(mixed, (expected[:, :, None] * experts).sum(axis=1), atol=1e-5)


def test_every_expert_weighs_the_same_before_training():
    _, gates = Fusion()(np.ones((2, 3)), np.random.default_rng(0).normal(size=(2, 4, 3)))
    np.testing.assert_allclose(gates, np.full((2, 4), 0.25))


def test_the_mean_is_the_mean_and_another_combination_is_named():
    experts = np.array([[[1.0, 2.0], [3.0, 6.0]]])
    mixed, gates = Fusion("mean")(np.zeros((1, 2)), experts)
    np.testing.assert_allclose(mixed, [[2.0, 4.0]])
    np.testing.assert_allclose(gates, [[0.5, 0.5]])
    with pytest.raises(ValueError, match="Received: combination='max'"):
        Fusion("max")
