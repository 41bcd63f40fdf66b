import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from mos_tf.models.event_time import EventTimeEmbedding
from mos_tf.ragged import Rows


def test_ages_and_gaps_of_each_history_fall_into_their_powers_of_two():
    layer = EventTimeEmbedding(dim=1, num_buckets=5)
    layer.age.embeddings.assign(np.arange(5.0)[:, None])
    layer.gap.embeddings.assign(10 * np.arange(6.0)[:, None])
    times = Rows(tf.constant([9, 2, 2, 100], tf.int64), tf.constant([0, 3, 3, 4, 4], tf.int64))
    # Ages 9, 2, 2, 100 → 3, 1, 1, 4 (the last bucket is open); gaps -, 7, 0, - → none (5), 3, 0, none (5).
    np.testing.assert_array_equal(layer(times)[:, 0], [53, 31, 1, 54])


@given(st.integers(0, 2**40))
def test_a_bucket_is_the_whole_part_of_the_logarithm(seconds):
    layer = EventTimeEmbedding(dim=1)
    assert int(layer.buckets(tf.constant([seconds], tf.int64))[0]) == min((1 + seconds).bit_length() - 1, 29)


def test_no_events_and_no_rows_are_valid():
    layer = EventTimeEmbedding(dim=3)
    nothing = tf.zeros([0], tf.int64)
    assert layer(Rows(nothing, tf.constant([0, 0], tf.int64))).shape == (0, 3)
    assert layer(Rows(nothing, tf.constant([0], tf.int64))).shape == (0, 3)
