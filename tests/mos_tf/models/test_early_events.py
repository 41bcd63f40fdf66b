import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mos_tf import MixtureOfSequence, SequenceRanker
from mos_tf.encoders import DIN
from mos_tf.errors import DataError
from mos_tf.models.early_events import RUN, theme_runs, theme_sessions
from tests.support.ranked_requests import SPEC, planted_dataset, vocabularies


def adapted(sequence, batch_size: int = 16) -> SequenceRanker:
    ids = {name: vocabulary.num_ids for name, vocabulary in vocabularies().items()}
    ranker = SequenceRanker(SPEC, ids, sequence, embedding_dim=8)
    ranker.adapt(planted_dataset(batch_size=batch_size))
    return ranker


def test_themes_come_from_each_users_earliest_history_before_the_first_target():
    ragged = lambda rows: tf.ragged.constant(rows, dtype=tf.int64)  # noqa: E731
    hour = 3600
    batch = {
        "user_id": tf.constant([2, 1, 2], tf.int64),
        "request_time": tf.constant([50 * hour, 20 * hour, 90 * hour], tf.int64),
        "history_timestamp": ragged([[hour, hour, 5 * hour, 30 * hour], [2 * hour], [80 * hour]]),
        "history_category": ragged([[0, 1, 2, 3], [4], [5]]),
    }
    sessions, tokens = theme_sessions([(batch, None)], "category")
    # User 1 first; of user 2 the earlier request, and of that what precedes hour 20: the first target.
    assert tokens.tolist() == [4, 0, 1, 2]
    assert sessions.tolist() == [0, 1, 1, 2]


def test_themes_without_timestamps_or_requests_are_refused():
    with pytest.raises(DataError, match="history_timestamp"):
        theme_sessions([({"user_id": tf.constant([1])}, None)], "category")
    with pytest.raises(DataError, match="empty dataset"):
        theme_sessions([], "category")


def test_runs_are_what_follows_each_other_in_a_user_and_theme():
    users = np.array([0, 0, 0, 0, 1, 1])
    themes = np.array([2, 5, 2, 5, 5, 2])
    runs = theme_runs(users, themes).tolist()
    assert runs[0] == runs[2] and runs[1] == runs[3] and len(set(runs)) == 4


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), max_size=400))
def test_a_long_subsequence_is_parted_into_runs_of_a_bounded_length(events):
    users, themes = np.array(sorted(events), np.int64).reshape(-1, 2).T
    runs = theme_runs(users, themes)
    assert np.bincount(runs).max(initial=0) <= RUN
    for user, theme in set(events):
        mine = runs[(users == user) & (themes == theme)]
        assert len(set(mine.tolist())) == -(-len(mine) // RUN) and np.all(np.diff(mine) >= 0)


def test_vectors_are_found_in_the_subsequences_of_themes_where_there_are_any():
    with_themes, without = (
        adapted(sequence).candidate_numbers.similarity
        for sequence in (MixtureOfSequence(DIN(num_heads=2), num_themes=4), DIN(num_heads=2))
    )
    assert with_themes.num_known == without.num_known > 0
    assert np.any(with_themes.vectors.numpy() != without.vectors.numpy())


def test_vectors_do_not_depend_on_how_requests_are_batched():
    one, other = (adapted(DIN(num_heads=2), batch_size).candidate_numbers.similarity for batch_size in (4, 16))
    np.testing.assert_array_equal(one.vectors.numpy(), other.vectors.numpy())
