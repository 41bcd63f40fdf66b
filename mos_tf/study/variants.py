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

# What is left of the mixture without one of its experts.
_EXPERTS: dict[str, dict[str, Any]] = {
    "without the global expert": {"experts": ("short", "theme")},
    "without the short-term expert": {"experts": ("global", "theme")},
    "without the theme expert": {"experts": ("global", "short")},
}
# One change each to "MoS + affinity", above all of what its numbers know,
_OF_NUMBERS = {
    "MoS + affinity": Variant(),
    **{name: Variant(mixture=mixture) for name, mixture in _EXPERTS.items()},
    "affinity alone": Variant(mixture={"experts": ()}),
    "affinity of items and categories": Variant("own"),
    "affinity of themes": Variant("themes"),
    "without similarity": Variant(ranker=_COUNTS),
    "learned from a random start": Variant(grouping="learned from a random start"),
    "sessions routed": Variant(mixture={"routing_unit": "session"}),
    "8 themes": Variant(mixture={"num_themes": 8}),
    "32 themes": Variant(mixture={"num_themes": 32}),
    "128 themes": Variant(mixture={"num_themes": 128}),
    "sessions end after 5 minutes": Variant(ranker={"session_gap": 300}),
    "sessions end after a day": Variant(ranker={"session_gap": 86_400}),
}
AS_PUBLISHED = "as published"


def _published(
    mixture: dict[str, Any] | None = None, router: dict[str, Any] | None = None, ranker: dict[str, Any] | None = None
) -> Variant:
    return Variant("none", mixture=mixture or {}, router=router or {}, ranker={**_FROM_NOTHING, **(ranker or {})})


# and one change each to "MoS", where nobody counts matches and experts are all there is.
_OF_EXPERTS = {
    **{name: _published(mixture=mixture) for name, mixture in _EXPERTS.items()},
    "window of 5": _published(mixture={"window": 5}),
    "window of 25": _published(mixture={"window": 25}),
    "window of 50": _published(mixture={"window": 50}),
    "8 themes": _published(mixture={"num_themes": 8}),
    "128 themes": _published(mixture={"num_themes": 128}),
    "8 themes, own weights for each": _published(mixture={"num_themes": 8, "theme_weights": "own"}),
    "concatenated experts": _published(mixture={"fusion": "concatenation"}),
    "mean of the experts": _published(mixture={"fusion": "mean"}),
    "learned on from co-occurrence": _published(router={"learn": True}),
    "learned on, no session loss": _published(router={"learn": True, "session_weight": 0.0}),
    "learned on, no codebook loss": _published(router={"learn": True, "codebook_weight": 0.0}),
    "learned on, balanced": _published(router={"learn": True, "balance_weight": 0.1}),
    "age of events embedded": _published(ranker={"time_features": True}),
}
ABLATIONS: dict[str, Variant] = {
    **_OF_NUMBERS,
    AS_PUBLISHED: VARIANTS["MoS"],
    **{f"{AS_PUBLISHED}, {name}": variant for name, variant in _OF_EXPERTS.items()},
}
ROWS: dict[str, Variant] = {**VARIANTS, **ABLATIONS}  # all that a cell can be of
