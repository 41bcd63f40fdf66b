import numpy as np
import pytest

from mos_tf.datasets.files import read_table
from mos_tf.errors import DataError
from mos_tf.features import ITEM_ID
from mos_tf.study.groupings import table_of


def test_random_themes_are_those_of_the_seed_and_the_unknown_token_has_none(study_data):
    table = table_of("random", study_data, "category", (4, 8), seed=1)
    assert table.shape == (study_data.num_ids["category"], 2)
    assert table[-1].tolist() == [4, 8]
    assert table[:-1].max(axis=0).tolist() == [3, 7]
    np.testing.assert_array_equal(table, table_of("random", study_data, "category", (4, 8), seed=1))
    assert (table != table_of("random", study_data, "category", (4, 8), seed=2)).any()


def test_own_tokens_and_one_theme_for_all(study_data):
    ids = study_data.num_ids["category"]
    np.testing.assert_array_equal(table_of("own tokens", study_data, "category", 8, 0)[:, 0], np.arange(ids))
    np.testing.assert_array_equal(table_of("one", study_data, "category", 8, 0)[:, 0], [0] * (ids - 1) + [1])


@pytest.mark.parametrize("token", ["category", ITEM_ID])
def test_the_true_themes_of_a_made_log_part_tokens_as_they_were_made(study_data, token):
    items = read_table(next(study_data.directory.parent.glob("sources/*/items.parquet"))).to_pandas()
    themes = table_of("truth", study_data, token, 8, 0)[:-1, 0]
    assert len(np.unique(themes)) == study_data.config.source.generator.num_themes
    names = study_data.vocabularies[token].tokens
    true = items.drop_duplicates(token).set_index(token)["true_theme"].reindex(list(names))
    assert len(set(zip(themes, true, strict=True))) == len(np.unique(themes))


def test_a_log_without_a_hierarchy_says_so(study_data):
    with pytest.raises(DataError, match="items of generated-hopping have none of"):
        table_of("hierarchy", study_data, "category", 8, 0)
