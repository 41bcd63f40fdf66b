import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mos_tf.layers import PiecewiseLinearEmbedding
from mos_tf.layers.piecewise_linear import tie_aware_quantiles


def test_a_number_fills_the_bins_below_it_and_part_of_its_own():
    layer = PiecewiseLinearEmbedding(embedding_dim=2, num_bins=4)
    layer.adapt(np.linspace(0.0, 1.0, 101)[:, None])
    _, code = layer(np.array([[-5.0], [0.125], [0.625], [7.0]]))
    np.testing.assert_allclose(code, [[0, 0, 0, 0], [0.5, 0, 0, 0], [1, 1, 0.5, 0], [1, 1, 1, 1]], atol=1e-6)


def test_the_embedding_is_the_equation():
    rng = np.random.default_rng(0)
    layer = PiecewiseLinearEmbedding(embedding_dim=3, num_bins=4)
    layer.adapt(rng.normal(size=(500, 2)))
    x = rng.normal(size=(5, 2))
    embedded, code = layer(x)
    edges = [tie_aware_quantiles(np.random.default_rng(0).normal(size=(500, 2))[:, j], 4) for j in range(2)]
    for row in range(5):
        for j in range(2):
            e = [np.clip((x[row, j] - a) / (b - a), 0, 1) for a, b in zip(edges[j][:-1], edges[j][1:], strict=True)]
            np.testing.assert_allclose(code[row, 4 * j : 4 * j + 4], e, atol=1e-4)
            u = np.maximum(np.array(e) @ np.asarray(layer.kernel[j]) + np.asarray(layer.bias[j]), 0)
            np.testing.assert_allclose(embedded[row, 3 * j : 3 * j + 3], u, atol=1e-4)


def test_a_value_shared_by_most_rows_claims_one_bin():
    values = np.concatenate([np.zeros(9_000), np.random.default_rng(0).random(1_000) + 1])
    edges = tie_aware_quantiles(values, 16)
    assert len(edges) >= 16
    assert edges[0] == 0 and edges[1] > 1
    shares = np.histogram(values[values > 0], edges[1:])[0] / 1_000
    np.testing.assert_allclose(shares, 1 / 15, atol=0.03)


@given(hnp.arrays(np.float64, st.integers(1, 60), elements=st.integers(-5, 5).map(float)), st.integers(1, 8))
def test_edges_rise_within_the_data_and_never_exceed_the_bins(values, num_bins):
    edges = tie_aware_quantiles(values, num_bins)
    assert np.all(np.diff(edges) > 0)
    assert edges[0] == values.min() and edges[-1] == values.max()
    assert len(edges) <= num_bins + 1


def test_a_constant_number_is_embedded_without_nan():
    layer = PiecewiseLinearEmbedding()
    layer.adapt(np.array([[3.0, 1.0], [3.0, 2.0]]))
    embedded, code = layer(np.array([[3.0, 1.5], [9.0, 1.5]]))
    assert np.isfinite(embedded).all()
    assert not np.any(code[:, :16])


def test_a_call_before_adapt_and_a_bad_matrix_say_what_to_do():
    with pytest.raises(ValueError, match=r"call adapt\(rows\) first"):
        PiecewiseLinearEmbedding()(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="1 values not finite"):
        PiecewiseLinearEmbedding().adapt(np.array([[1.0], [np.nan]]))


def test_state_and_answers_survive_saving(tmp_path):
    inputs = keras.Input((2,))
    layer = PiecewiseLinearEmbedding()
    layer.adapt(np.random.default_rng(0).normal(size=(50, 2)))
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(1).normal(size=(4, 2))
    for a, b in zip(reloaded(x), model(x), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_layer_adapted_to_constants_is_still_adapted_after_saving(value, tmp_path):
    inputs = keras.Input((1,))
    layer = PiecewiseLinearEmbedding()
    layer.adapt(np.full((5, 1), value))
    keras.Model(inputs, layer(inputs)).save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded(np.ones((2, 1)))[0], layer(np.ones((2, 1)))[0])


def test_a_layer_not_yet_adapted_is_not_adapted_after_saving_either():
    layer, again = PiecewiseLinearEmbedding(), PiecewiseLinearEmbedding()
    layer.build((None, 2))
    again.build((None, 2))
    store: dict = {}
    layer.save_own_variables(store)
    again.load_own_variables(store)
    assert not again.adapted


def test_weights_saved_before_the_state_was_kept_are_adapted_where_they_have_slopes():
    layer, again = PiecewiseLinearEmbedding(), PiecewiseLinearEmbedding()
    layer.adapt(np.random.default_rng(0).normal(size=(50, 2)))
    again.build((None, 2))
    again.load_own_variables({str(n): np.asarray(w) for n, w in enumerate(layer.weights)})
    assert again.adapted
    np.testing.assert_array_equal(again(np.ones((1, 2)))[0], layer(np.ones((1, 2)))[0])


@pytest.mark.parametrize("sizes", [{"num_bins": 0}, {"embedding_dim": 0}])
def test_no_bins_and_no_width_are_refused(sizes):
    with pytest.raises(ValueError, match="at least 1. Received: .*=0"):
        PiecewiseLinearEmbedding(**sizes)


@pytest.mark.parametrize("data", [np.zeros((4, 0)), np.zeros((4, 3))])
def test_rows_of_another_width_are_refused(data):
    layer = PiecewiseLinearEmbedding()
    layer.build((None, 2))
    with pytest.raises(ValueError, match="Received: shape"):
        layer.adapt(data)
