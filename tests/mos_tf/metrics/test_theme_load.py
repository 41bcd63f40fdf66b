import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from mos_tf.metrics import ThemeLoad


def test_an_even_load_has_the_entropy_of_a_fair_die():
    metric = ThemeLoad(4)
    metric.update_state(np.array([0, 1]))
    metric.update_state(np.array([2, 3]))
    result = {name: float(value) for name, value in metric.result().items()}
    assert result == pytest.approx({"theme_entropy": np.log(4), "theme_max_share": 0.25, "theme_unused": 0})


def test_events_without_a_theme_count_in_the_shares_but_not_as_a_theme():
    metric = ThemeLoad(2)
    metric.update_state(np.array([2, 2, 0, 2]))
    np.testing.assert_allclose(metric.shares(), [0.25, 0, 0.75])
    assert float(metric.result()["theme_unused"]) == 1


def test_no_event_is_no_nan():
    assert float(ThemeLoad(3).result()["theme_entropy"]) == 0


def counted(metric):
    return metric.events().tolist()


def test_one_event_more_counts_after_as_many_as_float32_can_count():
    metric = ThemeLoad(1)
    metric.update_state(np.zeros(2**24, np.int32))
    for _ in range(3):
        metric.update_state(np.array([0, 1, 0]))
    assert counted(metric) == [2**24 + 6, 3]


def test_a_trillion_events_are_counted_one_by_one():
    metric = ThemeLoad(2)
    metric.high.assign([10**12 // 2**24, 0, 3])
    metric.low.assign([10**12 % 2**24, 2**24 - 1, 2**24 - 1])
    update = tf.function(metric.update_state, input_signature=[tf.TensorSpec([None], tf.int64)])
    for _ in range(5):
        update(np.array([0, 1, 2, 2]))
    assert counted(metric) == [10**12 + 5, 2**24 + 4, 2**26 + 9]
    shares = np.array(counted(metric)) / sum(counted(metric))
    np.testing.assert_allclose(metric.shares(), shares, rtol=1e-6)
    assert float(metric.result()["theme_unused"]) == 0


def test_it_forgets_all_it_counted():
    metric = ThemeLoad(1)
    metric.high.assign([1, 1])
    metric.update_state(np.array([0]))
    metric.reset_state()
    assert counted(metric) == [0, 0]
    assert float(metric.result()["theme_unused"]) == 1


ON_JAX = """
import jax, numpy as np
from mos_tf.metrics.theme_load import ThemeLoad

metric = ThemeLoad(2)
metric.high.assign([10**12 // 2**24, 0, 0])
metric.low.assign([10**12 % 2**24, 2**24 - 1, 0])
state = jax.jit(metric.stateless_update_state)([v.value for v in metric.variables], np.array([0, 1, 1]))
for variable, value in zip(metric.variables, state):
    variable.assign(value)
metric.update_state(np.array([2, 0]))
assert not jax.config.jax_enable_x64
print(metric.events().tolist(), float(metric.result()["theme_unused"]))
"""


@pytest.mark.slow
def test_it_counts_as_far_on_jax_without_64_bits():
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", ON_JAX], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == f"{[10**12 + 2, 2**24 + 1, 1]} 0.0"
