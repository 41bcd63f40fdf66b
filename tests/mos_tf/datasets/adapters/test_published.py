import pytest

from mos_tf.datasets.adapters.adapt import ADAPTERS
from mos_tf.datasets.adapters.published import Statistics, TimeQuantiles, relative_differences
from mos_tf.datasets.cli import AdaptedSet


def test_differences_are_relative_to_what_is_published_and_need_both():
    found = Statistics(users=99, items=10, samples=300, positive_share=0.5)
    published = Statistics(users=100, samples=200, positive_share=0.4)
    assert relative_differences(found, published) == pytest.approx(
        {"users": -0.01, "samples": 0.5, "positive_share": 0.25}
    )


def test_quantiles_become_times_to_the_hour():
    # Ten samples in hours 10 to 19: eight of them are before hour 18, nine before hour 19.
    times = TimeQuantiles(train=0.8, eval=0.9).times(dict.fromkeys(range(10, 20), 1))
    assert [seconds / 3_600 for seconds in vars(times).values()] == [10, 18, 19, 20]


def test_every_part_lasts_an_hour_even_where_all_happened_in_one():
    assert list(vars(TimeQuantiles().times({0: 5})).values()) == [0, 3_600, 7_200, 10_800]


def test_the_command_line_offers_every_adapter():
    assert {name.value for name in AdaptedSet} == ADAPTERS.keys()
