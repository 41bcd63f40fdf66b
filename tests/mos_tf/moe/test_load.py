import math

import numpy as np
import pytest

from mos_tf.moe.load import ExpertLoad


def test_an_even_load_has_the_entropy_of_all_experts():
    load = ExpertLoad(4, name="moe")
    load.update_state(np.eye(4, dtype=bool), tokens=4)
    result = load.result()
    assert float(result["moe_entropy"]) == pytest.approx(math.log(4))
    assert [float(result[f"moe_{name}"]) for name in ("max_share", "unused", "per_token")] == [0.25, 0.0, 1.0]


def test_the_load_adds_up_over_batches():
    load = ExpertLoad(3, name="moe")
    load.update_state([[True, True, False], [True, False, False], [False, False, False]], tokens=2)
    load.update_state([[True, False, False]], tokens=1)
    np.testing.assert_allclose(load.shares(), [0.75, 0.25, 0.0])
    result = {name: float(value) for name, value in load.result().items()}
    assert result["moe_entropy"] == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert (result["moe_max_share"], result["moe_unused"]) == (0.75, 1.0)
    assert result["moe_per_token"] == pytest.approx(4 / 3)


def test_nothing_is_known_before_the_first_token_and_after_a_reset():
    load = ExpertLoad(2)
    load.update_state([[True, False]], tokens=1)
    load.reset_state()
    assert all(math.isnan(value) for value in load.result().values())
    assert ExpertLoad.from_config(load.get_config()).num_experts == 2
