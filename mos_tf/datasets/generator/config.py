"""`GeneratorConfig`: what a made log is like. The one place that names these settings."""

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mos_tf.datasets.config import UtcSeconds


class Mode(StrEnum):
    """How interests move, and whether clicks follow them.

    `hopping` is what a click log measures. `hard_switch` is the easy case: a session has one theme and nothing else.
    `basket_mixture` has the same users and interests, but every event follows that of a random session of its user:
    nothing persists. In `no_signal` sessions look as in `hopping`, but what is shown is shaped by theme and category
    as clicks are, and there is no taste: the click depends on popularity and own repeats alone.
    """

    HOPPING = "hopping"
    HARD_SWITCH = "hard_switch"
    BASKET_MIXTURE = "basket_mixture"
    NO_SIGNAL = "no_signal"


class GeneratorConfig(BaseModel):
    """What a made log is like.

    The defaults are fitted to one click log of 814 Taobao users over nine days (30-minute cut, leaf category), by
    what `mos data describe` says of the result, before any model saw it. *Measured* below marks a figure that was
    taken from that log as it is; *fitted* one whose value makes the described agreement, returns and popularity meet
    the log's; *chosen* one that the log says nothing about.

    A probability that decays with the time g between two events is p (1 + g / scale) ** -power.

    Args:
        mode: see `Mode`.
        users: number of users (chosen; the memory that is needed does not depend on it).
        seed: of all draws. A user's events depend on the settings and on this, on no other user.
        start: of the log (measured).
        days: how long the log is (measured). A user with more sessions than it holds ends later.
        sessions_per_user: mean (measured: 15, p90 30; fitted so that mean and median both lie by 15).
        sessions_shape: of the gamma distribution of a user's sessions (fitted to p90).
        session_length_quantiles: quantile → events of a session, log-linear between (measured at .5, .75, .9, .99).
        event_gap_seconds: median time between two events of a session (fitted to the mean agreement inside sessions).
        event_gap_spread: standard deviation of its logarithm (likewise).
        session_gap_spread: standard deviation of the logarithm of the time between sessions (chosen).
        num_themes: themes; a category and its items belong to one (fitted to the agreement of two users).
        categories_per_theme: how many categories a theme spans (chosen).
        items_per_category: items (chosen).
        theme_exponent: Zipf exponent of the themes' popularity (fitted to the agreement of two users).
        category_exponent: of the categories' inside a theme (likewise).
        item_exponent: of the items' inside a category (fitted to the slope of item popularity).
        stay: p with which the category of the event before is kept (fitted to the agreement by gap).
        stay_scale_seconds: scale of its decay (likewise).
        stay_power: power of its decay (likewise).
        main_share: share of the other events in the session's main category (fitted to the top category's share).
        stray_share: share of the other events in any category: what makes sessions impure (likewise). What is left
            goes to the categories of the session's theme.
        keep: p with which a session continues the theme of the one before (fitted to the next session's keeping it).
        keep_scale_hours: scale of its decay (fitted to the agreement by gap beyond 30 minutes).
        keep_power: power of its decay (likewise).
        resume: share of the other sessions that return to the theme of an earlier one (fitted to the returns).
        resume_lag: mean lag of such a return beyond 2, geometric (fitted to the lags' median and p90).
        same_main: with which such a session, kept or returned to, has the same main category again (fitted).
        repeat_item: share of events that repeat an item, drawn from the user's events of that category (chosen).
        taste_concentration: of clicks around the taste, 0 none to 1 all (chosen).
        taste_drift: standard deviation of a taste's step at each visit of its theme, in turns (chosen).
        list_size: items shown for one click, the clicked one among them (chosen).
        hard_negatives: share of shown items that come from the session's theme (chosen).

    Example:

    >>> GeneratorConfig(users=100).mode
    <Mode.HOPPING: 'hopping'>
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = Mode.HOPPING
    users: int = Field(5000, ge=1)
    seed: int = 0
    start: UtcSeconds = 1511568000  # 2017-11-25
    days: float = Field(9, gt=0)

    sessions_per_user: float = Field(16, ge=1)
    sessions_shape: float = Field(2.3, gt=0)
    session_length_quantiles: dict[float, float] = {0.0: 0.5, 0.5: 3.0, 0.75: 7.0, 0.9: 15.0, 0.99: 40.0, 1.0: 85.0}
    event_gap_seconds: float = Field(50, gt=0)
    event_gap_spread: float = Field(1.3, gt=0)
    session_gap_spread: float = Field(1.3, gt=0)

    num_themes: int = Field(18, ge=2)
    categories_per_theme: int = Field(8, ge=1)
    items_per_category: int = Field(100, ge=2)
    theme_exponent: float = Field(0.45, ge=0)
    category_exponent: float = Field(0.65, ge=0)
    item_exponent: float = Field(0.2, ge=0)

    stay: float = Field(0.42, ge=0, le=1)
    stay_scale_seconds: float = Field(330, gt=0)
    stay_power: float = Field(1.4, ge=0)
    main_share: float = Field(0.435, ge=0, le=1)
    stray_share: float = Field(0.28, ge=0, le=1)

    keep: float = Field(0.83, ge=0, le=1)
    keep_scale_hours: float = Field(5.5, gt=0)
    keep_power: float = Field(0.6, ge=0)
    resume: float = Field(0.78, ge=0, le=1)
    resume_lag: float = Field(1.3, ge=0)
    same_main: float = Field(0.635, ge=0, le=1)
    repeat_item: float = Field(0.2, ge=0, lt=1)
    taste_concentration: float = Field(0.6, ge=0, lt=1)
    taste_drift: float = Field(0.05, ge=0)

    list_size: int = Field(5, ge=2)
    hard_negatives: float = Field(0.5, ge=0, lt=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.main_share + self.stray_share > 1:
            raise ValueError(
                f"main_share + stray_share <= 1 must hold. Received: {self.main_share} + {self.stray_share}"
            )
        quantiles = list(self.session_length_quantiles.items())
        lengths = [length for _, length in quantiles]
        if quantiles != sorted(quantiles) or lengths != sorted(lengths) or lengths[0] <= 0:
            raise ValueError(
                f"session_length_quantiles rise together, lengths above 0. Received: {self.session_length_quantiles}"
            )
        if [quantiles[0][0], quantiles[-1][0]] != [0, 1]:
            raise ValueError(f"session_length_quantiles go from 0 to 1. Received: {self.session_length_quantiles}")
        return self
