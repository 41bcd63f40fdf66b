import numpy as np
import pytest

from mos_tf.study.differences import difference, pooled


def runs(seed_values):
    return {seed: {"auc": values} for seed, values in seed_values.items()}


def test_a_difference_is_the_mean_over_seeds_and_its_interval_that_over_users():
    resamples = np.linspace(-0.1, 0.1, 201)
    ours = runs({0: [0.8, *(0.8 + resamples)], 1: [0.75, *(0.75 + resamples)]})
    theirs = runs({0: [0.7, *np.full(201, 0.7)], 1: [0.65, *np.full(201, 0.65)]})
    d = difference(ours, theirs, "auc")
    assert d.value == pytest.approx(0.1)
    assert (d.lower, d.upper) == pytest.approx((0.1 - 0.095, 0.1 + 0.095))
    assert d.relative == pytest.approx((0.8 / 0.7 - 1 + 0.75 / 0.65 - 1) / 2)
    assert d.by_seed == pytest.approx((0.1, 0.1))


def with_gains(*gains, resamples=400):
    """Returns runs whose seeds differ by their gains over .7 alone, and the rival of .7."""
    ours = runs({seed: [0.7 + gain] * (1 + resamples) for seed, gain in enumerate(gains)})
    return ours, runs({seed: [0.7] * (1 + resamples) for seed in range(len(gains))})


def test_where_seeds_differ_the_interval_tells_of_other_seeds_too():
    d = difference(*with_gains(0.1, 0.2), "auc")
    assert (d.lower, d.value, d.upper) == pytest.approx((0.1, 0.15, 0.2))


@pytest.mark.parametrize("gains", [(0.1, 0.2, 0.6), (0.1, 0.2, 0.3, 0.4, 0.8)])
def test_few_seeds_spread_their_mean_by_the_standard_error(gains):
    d = difference(*with_gains(*gains, resamples=20_000), "auc")
    drawn = np.random.default_rng(1).choice(gains, (20_000, len(gains) - 1)).mean(axis=1)
    assert drawn.std() == pytest.approx(np.std(gains, ddof=1) / np.sqrt(len(gains)), rel=0.02)  # n draws would be less
    assert (d.lower, d.upper) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.02)


def test_encoders_that_share_their_seeds_do_not_make_them_more():
    pair = with_gains(0.1, 0.2, 0.6)
    one, four = pooled([pair], "auc"), pooled([pair] * 4, "auc")
    assert (four.lower, four.value, four.upper) == pytest.approx((one.lower, one.value, one.upper))


def test_what_users_have_in_common_cancels_in_a_pair():
    rng = np.random.default_rng(0)
    easy = rng.normal(0.8, 0.05, 400)
    d = difference(runs({0: [0.81, *(easy + 0.01)]}), runs({0: [0.8, *easy]}), "auc")
    assert (d.lower, d.value, d.upper) == pytest.approx((0.01, 0.01, 0.01))


def test_one_run_without_a_seed_is_compared_with_every_seed():
    d = difference(runs({0: [0.8, 0.8], 1: [0.9, 0.9]}), runs({0: [0.7, 0.7]}), "auc")
    assert d.by_seed == pytest.approx((0.1, 0.2))


def test_several_encoders_count_the_same_whatever_their_seeds():
    one = (runs({0: [0.8, 0.8]}), runs({0: [0.7, 0.7]}))
    other = (runs({0: [0.9, 0.9], 1: [0.9, 0.9]}), runs({0: [0.6, 0.6], 1: [0.6, 0.6]}))
    assert pooled([one, other], "auc").value == pytest.approx((0.1 + 0.3) / 2)


def test_rows_without_a_seed_in_common_are_refused():
    with pytest.raises(ValueError, match=r"Received: seeds \[0\] and \[1, 2\]"):
        difference(runs({0: [0.8, 0.8]}), runs({1: [0.7, 0.7], 2: [0.7, 0.7]}), "auc")
