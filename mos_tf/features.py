"""`FeatureSpec`: what an event, an item, a candidate and a request carry. The one place that names features."""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, PositiveInt, field_validator, model_validator

ITEM_ID = "item_id"
TIMESTAMP = "timestamp"
USER_ID = "user_id"
REQUEST_TIME = "request_time"
LABEL = "label"
LOG_SAMPLING_PROBABILITY = "log_sampling_probability"

HISTORY = "history_"
CANDIDATE = "candidate_"

_RESERVED = frozenset({ITEM_ID, TIMESTAMP, USER_ID, REQUEST_TIME, LABEL})

Role = Literal["user", "history", "candidate", "context", "label"]
DType = Literal["string", "int64", "float32"]
Kind = Literal["categorical", "numeric", "tags", "vector"]  # the last two only in an item table


def is_feature_name(name: str) -> bool:
    """Whether a feature may be called so: a lower-case identifier that is no column of every log."""
    return name.isidentifier() and name == name.lower() and name not in _RESERVED


class Feature(BaseModel):
    """One named attribute and what it belongs to.

    Args:
        name: lower-case identifier; the `tf.Example` keys are made of it.
        of: `"item"` (travels with history events and with candidates, one shared vocabulary),
            `"event"` (history only), `"candidate"` (candidates only), `"context"` (once a request) or
            `"item_table"` (of items, too, but never in a request: the model holds an `ItemTable` and looks it up).
        kind: `"categorical"` (strings, looked up in a vocabulary) or `"numeric"` (float32); in the item table also
            `"tags"` (any number of strings an item) and `"vector"` (`dim` floats an item, such as an image's).
        hash_buckets: number of ids of a categorical or tags feature that has no vocabulary: its strings are hashed.
            Two strings may share an id; the empty string has one of its own, the last.
        dim: width of a vector.

    Raises:
        ValueError: a kind, `hash_buckets` or `dim` where the feature cannot have it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    of: Literal["item", "event", "candidate", "context", "item_table"]
    kind: Kind = "categorical"
    hash_buckets: PositiveInt | None = None
    dim: PositiveInt | None = None

    @field_validator("name")
    @classmethod
    def _is_a_free_identifier(cls, name: str) -> str:
        if not is_feature_name(name):
            raise ValueError(
                f"a feature name is a lower-case identifier other than {sorted(_RESERVED)}. Received: name={name!r}"
            )
        return name

    @model_validator(mode="after")
    def _kind_fits(self) -> Self:
        if self.kind in ("tags", "vector") and self.of != "item_table":
            raise ValueError(
                f"only the item table holds {self.kind}, since a request has one scalar an event. "
                f"Received: name={self.name!r}, of={self.of!r}; use of='item_table'"
            )
        if self.hash_buckets is not None and not self.has_ids:
            raise ValueError(
                "hash_buckets is for categorical and tags features. "
                f"Received: name={self.name!r}, kind={self.kind!r}, hash_buckets={self.hash_buckets}"
            )
        if (self.dim is not None) != (self.kind == "vector"):
            raise ValueError(
                "a vector, and nothing else, has a dim. "
                f"Received: name={self.name!r}, kind={self.kind!r}, dim={self.dim}"
            )
        return self

    @property
    def has_ids(self) -> bool:
        """True where the values are strings that become ids."""
        return self.kind in ("categorical", "tags")


class Column(BaseModel):
    """One key of a request's `tf.Example`: which feature it holds, for what, and in which form."""

    model_config = ConfigDict(frozen=True)

    key: str
    feature: str
    role: Role
    dtype: DType

    @property
    def ragged(self) -> bool:
        """True for the lists of a request (history, candidates, labels), False for its scalars."""
        return self.role in ("history", "candidate", "label")

    @property
    def categorical(self) -> bool:
        """True where the strings become ids of the vocabulary named `feature`, or its hash buckets."""
        return self.dtype == "string" and self.role != "user"


class FeatureSpec(BaseModel):
    """The features of a request, from which example generation, schema, transform, model and signatures derive.

    A request always carries `user_id`, `request_time`, `history_item_id`, `history_timestamp` and
    `candidate_item_id`; everything else is one `Feature` here.

    Args:
        features: the further features.
        theme_token: name of the categorical item feature whose values the `ThemeRouter` groups into themes
            (the finest category-like attribute with support), or `"item_id"` where items are dense. It travels in
            requests.
        format_version: version of the request format; a reader refuses one it does not know.

    Raises:
        ValueError: a repeated feature name or key, or a theme token that is no categorical item feature.

    Example:

    >>> spec = FeatureSpec(
    ...     features=(
    ...         Feature(name="category", of="item"),
    ...         Feature(name="price", of="candidate", kind="numeric"),
    ...     ),
    ...     theme_token="category",
    ... )
    >>> [column.key for column in spec.columns() if column.role == "candidate"]
    ['candidate_item_id', 'candidate_category', 'candidate_price']
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[Feature, ...] = ()
    theme_token: str = ITEM_ID
    format_version: Literal[1] = 1

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        names = [feature.name for feature in self.features]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"feature names must be unique. Received twice: {repeated}")
        keys = [column.key for column in self.columns()]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"no two features may have the same tf.Example key. Received twice: {key!r}")
        if self.theme_token not in self.item_categoricals:
            raise ValueError(
                f"theme_token must be one of the categorical item features {list(self.item_categoricals)}. "
                f"Received: theme_token={self.theme_token!r}"
            )
        return self

    @property
    def item_categoricals(self) -> tuple[str, ...]:
        """Categorical features that histories and candidates of a request carry: the levels at which they can match."""
        return (ITEM_ID, *(f.name for f in self.features if f.of == "item" and f.kind == "categorical"))

    @property
    def categoricals(self) -> tuple[str, ...]:
        """Every feature of a request that has a vocabulary."""
        hashed = self.hash_buckets
        travelling = (f.name for f in self.features if f.of != "item_table" and f.kind == "categorical")
        return (ITEM_ID, *(name for name in travelling if name not in hashed))

    @property
    def hash_buckets(self) -> dict[str, int]:
        """Number of hash buckets of every feature that is hashed, in requests or in the item table."""
        return {f.name: f.hash_buckets for f in self.features if f.hash_buckets is not None}

    @property
    def item_features(self) -> tuple[str, ...]:
        """Features of a request looked up from the items file (all but the item id)."""
        return tuple(f.name for f in self.features if f.of == "item")

    @property
    def table_features(self) -> tuple[Feature, ...]:
        """Features of items that the model itself looks up, by item id."""
        return tuple(f for f in self.features if f.of == "item_table")

    def columns(self, *, labels: bool = True) -> tuple[Column, ...]:
        """Returns every `tf.Example` key of a request, in a fixed order; `labels=False` leaves the label out."""
        return tuple(column for column in self._columns() if labels or column.role != "label")

    def _columns(self) -> Iterator[Column]:
        yield Column(key=USER_ID, feature=USER_ID, role="user", dtype="string")
        yield Column(key=REQUEST_TIME, feature=REQUEST_TIME, role="context", dtype="int64")
        yield Column(key=HISTORY + ITEM_ID, feature=ITEM_ID, role="history", dtype="string")
        yield Column(key=HISTORY + TIMESTAMP, feature=TIMESTAMP, role="history", dtype="int64")
        for feature in self.features:
            if feature.of in ("item", "event"):
                yield Column(key=HISTORY + feature.name, feature=feature.name, role="history", dtype=_dtype(feature))
        yield Column(key=CANDIDATE + ITEM_ID, feature=ITEM_ID, role="candidate", dtype="string")
        for feature in self.features:
            if feature.of in ("item", "candidate"):
                yield Column(
                    key=CANDIDATE + feature.name, feature=feature.name, role="candidate", dtype=_dtype(feature)
                )
        for feature in self.features:
            if feature.of == "context":
                yield Column(key=feature.name, feature=feature.name, role="context", dtype=_dtype(feature))
        yield Column(key=LABEL, feature=LABEL, role="label", dtype="float32")


def _dtype(feature: Feature) -> DType:
    return "string" if feature.kind == "categorical" else "float32"
