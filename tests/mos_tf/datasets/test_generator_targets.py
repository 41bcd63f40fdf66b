"""What `mos data describe` says of a made log, against the click log that the defaults were fitted to."""

import pytest

from mos_tf.datasets.describe import describe
from mos_tf.datasets.generator.config import GeneratorConfig, Mode
from mos_tf.datasets.generator.generate import generate

MEASURED = {
    "same_session": 0.47,
    "across_sessions": 0.13,
    "random_same_user": 0.11,
    "other_users": 0.01,
    "session_length mean": 6,
    "session_length p50": 3,
    "session_length p75": 7,
    "session_length p90": 15,
    "session_length p99": 40,
    "sessions mean": 15,
    "sessions p50": 15,
    "sessions p90": 30,
    "top_share": 0.54,
    "next_keeps_top": 0.18,
    "returns": 0.38,
    "return_lag p50": 2,
    "return_lag p90": 7,
    "effective_categories": 15.5,
    "< 1 min": 0.52,
    "1-5 min": 0.44,
    "10-30 min": 0.28,
    "1-4 h": 0.16,
    "> 1 day": 0.08,
}


def described(directory, **settings):
    generate(GeneratorConfig(**settings), directory)
    found = describe(directory)
    hopping = found.hopping
    figures = {
        **vars(hopping),
        **vars(hopping.focus),
        **hopping.by_gap,
        **{f"session_length {name}": value for name, value in hopping.session_lengths.items()},
        **{f"sessions {name}": value for name, value in hopping.sessions_per_user.items()},
        **{f"return_lag {name}": value for name, value in hopping.focus.return_lags.items()},
    }
    return {name: figures[name] for name in MEASURED}, found


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_the_default_log_has_the_measured_figures_within_a_tenth(tmp_path, seed):
    figures, found = described(tmp_path / "made", seed=seed)
    assert figures == pytest.approx(MEASURED, rel=0.1)
    assert -0.7 <= found.popularity_slope <= -0.3


@pytest.fixture(scope="module")
def hopping(tmp_path_factory):
    return described(tmp_path_factory.mktemp("made") / "hopping", users=400)[0]


def test_a_small_log_has_them_roughly(hopping):
    lag = hopping.pop("return_lag p90")
    assert lag == pytest.approx(7, abs=1)
    wanted = {name: value for name, value in MEASURED.items() if name in hopping}
    assert hopping == pytest.approx(wanted, rel=0.25)


def test_agreement_falls_with_the_time_between_events_and_has_no_step_at_the_cut(tmp_path):
    by_gap = list(described(tmp_path / "made", users=400)[1].hopping.by_gap.values())
    assert by_gap == sorted(by_gap, reverse=True)
    falls = [after / before for before, after in zip(by_gap, by_gap[1:], strict=False)]
    assert falls[3] > 0.5  # from 10-30 to 30-60 minutes, across the cut


def test_a_mixture_does_not_hop_and_a_hard_switch_does_all_the_more(tmp_path):
    mixed = described(tmp_path / "mixed", mode=Mode.BASKET_MIXTURE, users=200)[0]
    hard = described(tmp_path / "hard", mode=Mode.HARD_SWITCH, users=200)[0]
    assert mixed["same_session"] == pytest.approx(mixed["across_sessions"], abs=0.015)
    assert mixed["same_session"] == pytest.approx(mixed["random_same_user"], abs=0.015)
    assert hard["same_session"] > 0.51
