import pytest
from pydantic import ValidationError

from mos_tf.features import Feature, FeatureSpec

EVERY_KIND = FeatureSpec(
    features=(
        Feature(name="category", of="item"),
        Feature(name="price", of="item", kind="numeric"),
        Feature(name="channel", of="event"),
        Feature(name="dwell", of="event", kind="numeric"),
        Feature(name="popularity", of="candidate", kind="numeric"),
        Feature(name="device", of="context"),
        Feature(name="hour", of="context", kind="numeric"),
    ),
    theme_token="category",
)


def test_columns_are_every_key_with_role_and_type_in_a_fixed_order():
    assert [(c.key, c.feature, c.role, c.dtype) for c in EVERY_KIND.columns()] == [
        ("user_id", "user_id", "user", "string"),
        ("request_time", "request_time", "context", "int64"),
        ("history_item_id", "item_id", "history", "string"),
        ("history_timestamp", "timestamp", "history", "int64"),
        ("history_category", "category", "history", "string"),
        ("history_price", "price", "history", "float32"),
        ("history_channel", "channel", "history", "string"),
        ("history_dwell", "dwell", "history", "float32"),
        ("candidate_item_id", "item_id", "candidate", "string"),
        ("candidate_category", "category", "candidate", "string"),
        ("candidate_price", "price", "candidate", "float32"),
        ("candidate_popularity", "popularity", "candidate", "float32"),
        ("device", "device", "context", "string"),
        ("hour", "hour", "context", "float32"),
        ("label", "label", "label", "float32"),
    ]


def test_without_labels_only_the_label_column_goes():
    assert EVERY_KIND.columns()[:-1] == EVERY_KIND.columns(labels=False)


def test_lists_are_ragged_and_scalars_are_not():
    scalars = {column.key for column in EVERY_KIND.columns() if not column.ragged}
    assert scalars == {"user_id", "request_time", "device", "hour"}


def test_the_user_id_is_no_vocabulary_feature():
    categorical = {column.feature for column in EVERY_KIND.columns() if column.categorical}
    assert categorical == {"item_id", "category", "channel", "device"} == set(EVERY_KIND.categoricals)


def test_only_categorical_item_features_can_match_between_history_and_candidates():
    assert EVERY_KIND.item_categoricals == ("item_id", "category")
    assert EVERY_KIND.item_features == ("category", "price")


def test_the_smallest_spec_has_items_times_and_labels():
    keys = [column.key for column in FeatureSpec().columns()]
    assert keys == ["user_id", "request_time", "history_item_id", "history_timestamp", "candidate_item_id", "label"]


def test_a_spec_survives_json():
    assert FeatureSpec.model_validate_json(EVERY_KIND.model_dump_json()) == EVERY_KIND


@pytest.mark.parametrize("name", ["Category", "two words", "1st", "", "item_id", "timestamp", "label", "user_id"])
def test_a_feature_name_is_a_free_lower_case_identifier(name):
    with pytest.raises(ValidationError, match="Received: name="):
        Feature(name=name, of="item")


def test_a_feature_name_is_given_once():
    with pytest.raises(ValidationError, match=r"unique. Received twice: \['price'\]"):
        FeatureSpec(features=(Feature(name="price", of="item"), Feature(name="price", of="context")))


@pytest.mark.parametrize(
    ("context", "other"),
    [("candidate_price", Feature(name="price", of="candidate")), ("history_item_id", Feature(name="x", of="item"))],
)
def test_no_two_features_share_a_key(context, other):
    with pytest.raises(ValidationError, match=f"Received twice: {context!r}"):
        FeatureSpec(features=(Feature(name=context, of="context"), other))


@pytest.mark.parametrize("token", ["price", "channel", "unheard_of"])
def test_the_theme_token_is_a_categorical_item_feature(token):
    with pytest.raises(ValidationError, match=f"Received: theme_token={token!r}"):
        FeatureSpec(features=EVERY_KIND.features, theme_token=token)


def test_a_format_version_of_the_future_is_refused():
    with pytest.raises(ValidationError, match="format_version"):
        FeatureSpec(format_version=2)


TABLE = FeatureSpec(
    features=(
        Feature(name="category", of="item", hash_buckets=20),
        Feature(name="brand", of="item_table"),
        Feature(name="tags", of="item_table", kind="tags", hash_buckets=9),
        Feature(name="image", of="item_table", kind="vector", dim=64),
    ),
    theme_token="category",
)


def test_what_the_item_table_holds_travels_in_no_request_and_needs_no_vocabulary_there():
    travelling = {column.feature for column in TABLE.columns()}
    assert not travelling & {"brand", "tags", "image"}
    assert TABLE.categoricals == ("item_id",) and TABLE.item_features == ("category",)
    assert [feature.name for feature in TABLE.table_features] == ["brand", "tags", "image"]


def test_a_hashed_feature_has_no_vocabulary_but_is_a_level_and_a_theme_token():
    assert TABLE.hash_buckets == {"category": 20, "tags": 9}
    assert TABLE.item_categoricals == ("item_id", "category")


def test_a_spec_with_an_item_table_survives_json():
    assert FeatureSpec.model_validate_json(TABLE.model_dump_json()) == TABLE


def test_a_theme_token_travels_in_requests():
    with pytest.raises(ValidationError, match="Received: theme_token='brand'"):
        FeatureSpec(features=TABLE.features, theme_token="brand")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"of": "item", "kind": "tags"}, "use of='item_table'"),
        ({"of": "item_table", "kind": "vector"}, "dim=None"),
        ({"of": "item", "dim": 3}, "dim=3"),
        ({"of": "item", "kind": "numeric", "hash_buckets": 5}, "hash_buckets=5"),
        ({"of": "item", "hash_buckets": 0}, "hash_buckets"),
    ],
)
def test_a_kind_that_a_feature_cannot_have_is_refused(wrong, message):
    with pytest.raises(ValidationError, match=message):
        Feature(name="x", **wrong)
