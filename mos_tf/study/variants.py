"""What is compared: every row of the tables, as a way to make a ranker around an encoder."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.encoders import SequenceEncoder
from mos_tf.features import ITEM_ID
from mos_tf.models.early_events import theme_sessions
from mos_tf.moe import DSelectK, ExpertChoice, GShard
from mos_tf.study.data import StudyData
from mos_tf.study.groupings import route_by, table_of

Grouping = Literal["learned", "learned from a random start", "random", "own tokens", "hierarchy", "truth", "one"]


@dataclass(frozen=True)
class Variant:
    """One row: what stands around the encoder, and what the ranker knows besides.

    Args:
        affinity: at which levels matches are counted: `"none"`, `"own"` (item and categories), `"themes"` or `"all"`.
        experts: `"mixture"` is `MixtureOfSequence`; `None` leaves the encoder alone; else a counterpart.
        grouping: how the mixture's themes come about.
        token: what is grouped; default the theme token of the data.
        mixture: arguments of `MixtureOfSequence`.
        router: arguments of its router.
        ranker: arguments of `SequenceRanker`.
    """

    affinity: Literal["none", "own", "themes", "all"] = "all"
    experts: str | type[SequenceEncoder] | None = "mixture"
    grouping: Grouping = "learned"
    token: str | None = None
    mixture: dict[str, Any] = field(default_factory=dict)
    router: dict[str, Any] = field(default_factory=dict)
    ranker: dict[str, Any] = field(default_factory=dict)

    def make(self, data: StudyData, encoder: Callable[[], SequenceEncoder], seed: int) -> SequenceRanker:
        """Returns a new ranker, yet to be adapted and trained; `seed` is that of how themes are found or drawn."""
        spec = data.spec if self.token is None else data.spec.model_copy(update={"theme_token": self.token})
        sequence = self._sequence(encoder, data, spec.theme_token, seed)
        settings = {**data.ranker_settings, **self.ranker}
        return SequenceRanker(spec, data.num_ids, sequence, affinity_levels=self._levels(data), **settings)

    @property
    def start(self) -> "Variant":
        """The plainest row with the same numbers and themes, which so starts from the same state."""
        grouping = {name: value for name, value in self.mixture.items() if name in ("num_themes", "routing_unit")}
        return replace(self, experts="mixture" if self.experts == "mixture" else None, mixture=grouping)

    def _levels(self, data: StudyData) -> tuple[str, ...] | None:
        of_themes = tuple(f"theme_{themes}" for themes in data.num_themes)
        return {"none": (), "own": data.spec.item_categoricals, "themes": of_themes, "all": None}[self.affinity]

    def _sequence(self, encoder: Callable[[], SequenceEncoder], data: StudyData, token: str, seed: int) -> Any:
        if self.experts is None:
            return encoder()
        if not isinstance(self.experts, str):
            return self.experts(encoder())
        if self.grouping.startswith("learned"):
            mixture = MixtureOfSequence(encoder(), **{"num_themes": data.num_themes, **self.mixture})
            router = mixture.make_router(data.num_ids[token], seed=seed, **self.router)
            if self.grouping == "learned from a random start":
                router.adapt(*theme_sessions(data.train.batches(1024), token), start="random")
            return mixture
        table = table_of(self.grouping, data, token, self.mixture.get("num_themes", data.num_themes), seed)
        themes = tuple(int(column.max()) for column in table.T)  # that of the unknown token
        mixture = MixtureOfSequence(encoder(), **{**self.mixture, "num_themes": themes})
        route_by(mixture, table)
        return mixture


_EVERYTHING = {"window": 1_000_000, "num_themes": 1}  # all three experts see the whole history

# Without affinity a ranker begins with nothing and is to learn first what items share.
_FROM_NOTHING = {"item_start": 0.1}
# The rows of the tables, as published: nobody counts matches.
_PUBLISHED = {
    "plain": Variant("none", None, ranker=_FROM_NOTHING),
    "capacity control": Variant("none", grouping="one", mixture=_EVERYTHING, ranker=_FROM_NOTHING),
    "GShard": Variant("none", GShard, ranker=_FROM_NOTHING),
    "DSelect-k": Variant("none", DSelectK, ranker=_FROM_NOTHING),
    "Expert Choice": Variant("none", ExpertChoice, ranker=_FROM_NOTHING),
    "MoS, random themes": Variant("none", grouping="random", ranker=_FROM_NOTHING),
    "MoS": Variant("none", ranker=_FROM_NOTHING),
}
_COUNTS = {"similarity": False}
# And with the affinity of item and categories in all of them, that of themes where there are any: matches counted
_WITH_COUNTS = {
    "plain + counts": Variant("own", None, ranker=_COUNTS),
    "capacity control + counts": Variant("own", grouping="one", mixture=_EVERYTHING, ranker=_COUNTS),
    "MoS + counts, random themes": Variant(grouping="random", ranker=_COUNTS),
    "MoS + counts": Variant(ranker=_COUNTS),
}
# and counted and compared.
_WITH_AFFINITY = {
    "plain + affinity": Variant("own", None),
    "capacity control + affinity": Variant("own", grouping="one", mixture=_EVERYTHING),
    "GShard + affinity": Variant("own", GShard),
    "DSelect-k + affinity": Variant("own", DSelectK),
    "Expert Choice + affinity": Variant("own", ExpertChoice),
    "MoS + affinity, global expert alone": Variant(mixture={"experts": ("global",)}),
    "MoS + affinity, random groups of items": Variant(grouping="random", token=ITEM_ID),
    "MoS + affinity, random themes": Variant(grouping="random"),
    "MoS + affinity, own tokens": Variant("own", grouping="own tokens"),
    "MoS + affinity, hierarchy": Variant(grouping="hierarchy"),
    "MoS + affinity, true themes": Variant(grouping="truth"),
    "MoS + affinity": Variant(),
}
_PRIORS = {"priors": True}
# And with the label rates of items and categories besides, as boosting is given them.
_WITH_PRIORS = {
    "plain + affinity + priors": Variant("own", None, ranker=_PRIORS),
    "MoS + affinity + priors": Variant(ranker=_PRIORS),
}
_CROSSES = {"cross_layers": 1}
# And with products of numbers, items and what the history says of them, as in DCN.
_WITH_CROSSES = {
    "plain + affinity + crosses": Variant("own", None, ranker=_CROSSES),
    "MoS + affinity + crosses": Variant(ranker=_CROSSES),
}
VARIANTS: dict[str, Variant] = {**_PUBLISHED, **_WITH_COUNTS, **_WITH_AFFINITY, **_WITH_PRIORS, **_WITH_CROSSES}
# What the claims are about: more seeds than the others, and all of a small study.
CLAIMED = (
    "plain", "MoS", "plain + affinity", "capacity control + affinity", "MoS + affinity, random themes",
    "MoS + affinity",
)  # fmt: skip
# What one encoder is enough for: what experts add to the numbers of themes, controls of routing, matches that are
# counted and not compared, label rates, and crosses.
ONCE = (
    "MoS, random themes", "plain + counts", "MoS + counts", "capacity control + counts", "MoS + counts, random themes",
    "MoS + affinity, global expert alone", "MoS + affinity, random groups of items", "MoS + affinity, own tokens",
    "MoS + affinity, hierarchy", "plain + affinity + priors", "MoS + affinity + priors", "plain + affinity + crosses",
    "MoS + affinity + crosses",
)  # fmt: skip

# One change each to "MoS + affinity", and the experts once more where nobody counts matches.
ABLATIONS: dict[str, Variant] = {
    "MoS + affinity": Variant(),
    "without the global expert": Variant(mixture={"experts": ("short", "theme")}),
    "without the short-term expert": Variant(mixture={"experts": ("global", "theme")}),
    "without the theme expert": Variant(mixture={"experts": ("global", "short")}),
    "affinity alone": Variant(mixture={"experts": ()}),
    "without affinity": Variant("none", ranker=_FROM_NOTHING),
    "without affinity and global expert": Variant(
        "none", mixture={"experts": ("short", "theme")}, ranker=_FROM_NOTHING
    ),
    "without affinity and short-term expert": Variant(
        "none", mixture={"experts": ("global", "theme")}, ranker=_FROM_NOTHING
    ),
    "without affinity and theme expert": Variant(
        "none", mixture={"experts": ("global", "short")}, ranker=_FROM_NOTHING
    ),
    "affinity of items and categories": Variant("own"),
    "affinity of themes": Variant("themes"),
    "without similarity": Variant(ranker=_COUNTS),
    "learned from a random start": Variant(grouping="learned from a random start"),
    "learned on from co-occurrence": Variant(router={"learn": True}),
    "learned on, no session loss": Variant(router={"learn": True, "session_weight": 0.0}),
    "learned on, no codebook loss": Variant(router={"learn": True, "codebook_weight": 0.0}),
    "learned on, balanced": Variant(router={"learn": True, "balance_weight": 0.1}),
    "sessions routed": Variant(mixture={"routing_unit": "session"}),
    "8 themes": Variant(mixture={"num_themes": 8}),
    "32 themes": Variant(mixture={"num_themes": 32}),
    "128 themes": Variant(mixture={"num_themes": 128}),
    "window of 5": Variant(mixture={"window": 5}),
    "window of 25": Variant(mixture={"window": 25}),
    "window of 50": Variant(mixture={"window": 50}),
    "own weights for each theme": Variant(mixture={"num_themes": 8, "theme_weights": "own"}),
    "concatenated experts": Variant(mixture={"fusion": "concatenation"}),
    "mean of the experts": Variant(mixture={"fusion": "mean"}),
    "sessions end after 5 minutes": Variant(ranker={"session_gap": 300}),
    "sessions end after a day": Variant(ranker={"session_gap": 86_400}),
    "age of events embedded": Variant(ranker={"time_features": True}),
}
ROWS: dict[str, Variant] = {**VARIANTS, **ABLATIONS}  # all that a cell can be of
