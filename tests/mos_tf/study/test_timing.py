import tensorflow as tf

from mos_tf.study.speed import _in_turns
from mos_tf.study.timing import Timing, timed

TIMING = {
    "encoder": "SDIM",
    "rows": {"plain": {"step_ms": [10.0, 30.0, 20.0], "answer_ms": [1.0, 3.0]}},
    "candidates_a_step": 320.0,
}


def result(encoder, variant, **price):
    return {"encoder": encoder, "variant": variant, "price": price}


def test_a_row_tells_the_median_of_its_times_and_the_candidates_a_second_of_its_steps():
    (told,) = timed([result("SDIM", "plain", parameters=9)], [TIMING])
    assert told["price"] == {"parameters": 9, "step_ms": 20.0, "answer_ms": 2.0, "examples_a_second": 16_000}


def test_a_peer_tells_the_time_that_it_took_itself_and_rows_that_were_not_timed_none():
    results = [result("", "FuxiCTR: DIN", step_ms=40.0), result("", "popularity"), result("TWIN", "plain")]
    assert [told["price"] for told in timed(results, [TIMING])] == [
        {"step_ms": 40.0, "examples_a_second": 8_000},
        {},
        {},
    ]


def test_what_was_timed_as_it_was_trained_gives_way_to_what_was_timed_in_turns():
    (told,) = timed([result("SDIM", "plain", step_ms=99.0)], [TIMING])
    assert told["price"]["step_ms"] == 20.0


def test_other_rows_are_timed_anew():
    one, other = (Timing(encoder="SDIM", rows=rows) for rows in (("plain",), ("plain", "MoS")))
    assert one.file_name != other.file_name
    assert other.run_name == "SDIM: times of 2 rows"


def test_no_row_is_charged_for_making_the_batches_and_in_a_round_all_take_the_same():
    made, seen = [], {"plain": [], "MoS": []}

    def batches():
        for number in range(1000):
            made.append(number)
            yield number

    dataset = tf.data.Dataset.from_generator(batches, output_signature=tf.TensorSpec((), tf.int64))
    calls = {row: lambda source, row=row: seen[row].append((int(next(source)), len(made))) for row in seen}
    taken = _in_turns(calls, dataset, rounds=4)
    assert {row: len(ms) for row, ms in taken.items()} == {"plain": 4, "MoS": 4}  # those that warm up are left out
    assert seen["plain"] == seen["MoS"] == [(number, len(made)) for number in range(7)]
