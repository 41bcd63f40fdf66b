import keras
import numpy as np
import pytest

from mos_tf.layers.cross import Cross


def test_a_layer_is_the_equation():
    rng = np.random.default_rng(0)
    layer = Cross(kernel_initializer="glorot_uniform")
    x0, x = rng.normal(size=(2, 5, 3)).astype("float32")
    crossed = layer(x0, x)
    w, b = (np.asarray(weight) for weight in layer.weights)
    np.testing.assert_allclose(crossed, x0 * (x @ w + b) + x, rtol=1e-5)


def test_a_stack_of_two_holds_products_of_three_entries():
    first, second = Cross(kernel_initializer="ones"), Cross(kernel_initializer="ones")
    x0 = np.array([[2.0, 0.0]])
    # x1 = 2 · 2 + 2 = 6 and 0; x2 = 2 · 6 + 6 = 18 = x³ + 2 x² + x at x = 2.
    np.testing.assert_allclose(second(x0, first(x0)), [[18.0, 0.0]])


def test_a_projection_has_weights_of_its_rank_only():
    layer = Cross(projection_dim=2)
    layer.build((None, 10))
    assert layer.count_params() == 10 * 2 + 2 * 10 + 10


@pytest.mark.parametrize(
    ("arguments", "shapes", "message"),
    [({}, ((None, 3), (None, 4)), "one width"), ({"projection_dim": 3}, ((None, 3),), "Received: projection_dim=3")],
)
def test_widths_that_do_not_fit_are_refused(arguments, shapes, message):
    with pytest.raises(ValueError, match=message):
        Cross(**arguments).build(*shapes)


def test_a_model_of_crosses_survives_saving(tmp_path):
    inputs = keras.Input((6,))
    crossed = Cross(projection_dim=2)(inputs, Cross(kernel_initializer="glorot_uniform")(inputs))
    model = keras.Model(inputs, crossed)
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(1).normal(size=(4, 6))
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")(x), model(x))
