import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.errors import DataError
from mos_tf.vocabulary import Vocabulary

tokens = st.lists(st.text(min_size=1).filter(lambda t: not {"\n", "\r"} & set(t)), unique=True, max_size=8)


def test_ids_are_positions_and_everything_else_is_the_last_id():
    vocabulary = Vocabulary(["tea", "milk"])
    assert vocabulary.ids(["milk", "tea", "caviar", ""]).tolist() == [1, 0, 2, 2]
    assert vocabulary.num_ids == 3


def test_counting_orders_by_frequency_then_by_string():
    values = ["b", "a", "c", "b", "", "c", "d"]
    assert Vocabulary.count(values).tokens == ("b", "c", "a", "d")
    assert Vocabulary.count(values, min_count=2).tokens == ("b", "c")


@given(tokens)
def test_a_saved_vocabulary_loads_equal(tmp_path_factory, tokens):
    path = tmp_path_factory.mktemp("vocabulary") / "items.txt"
    Vocabulary(tokens).save(path)
    assert Vocabulary.load(path).tokens == tuple(tokens)


def test_the_last_token_of_a_file_needs_no_line_break(tmp_path):
    (tmp_path / "items.txt").write_bytes("tea\nöl".encode())
    assert Vocabulary.load(tmp_path / "items.txt").tokens == ("tea", "öl")


def test_the_lookup_table_gives_the_same_ids():
    vocabulary = Vocabulary(["tea", "öl"])
    values = ["öl", "tea", "", "caviar"]
    assert vocabulary.table().lookup(tf.constant(values)).numpy().tolist() == vocabulary.ids(values).tolist()


def test_an_empty_vocabulary_knows_nothing():
    empty = Vocabulary([])
    assert empty.ids(["tea"]).tolist() == [0]
    assert empty.table().lookup(tf.constant(["tea"])).numpy().tolist() == [0]


@pytest.mark.parametrize("tokens", [["tea", "tea"], [""], ["two\nlines"], ["two\rlines"]])
def test_a_token_is_one_distinct_line(tokens):
    with pytest.raises(DataError, match="Received"):
        Vocabulary(tokens)
