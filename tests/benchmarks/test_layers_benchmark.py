import json

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.layers import chart, report, training
from benchmarks.layers.__main__ import app
from benchmarks.layers.batches import log_normal_lengths, make_batch, trained_router
from benchmarks.layers.candidates import candidates
from benchmarks.layers.cases import CASES
from benchmarks.layers.measuring import alternate, ratio
from benchmarks.layers.results import Bar, Row, Spread
from benchmarks.layers.sizes import FULL, QUICK, Sizes
from mos_tf.errors import DataError

ROW = Row("many candidates", "affinity", "time", Spread(1.5, 1.0, 2.5), Bar("<=", 2.0), {"many, ms": Spread(3, 2, 5)})


def test_a_quick_case_runs_in_its_own_process_to_the_json_and_the_chart(tmp_path):
    out = tmp_path / "layers.json"
    other = ROW.to_json() | {"measured_at": "before"}
    report.write(out, {"training/DIN": [other]})
    done = CliRunner().invoke(app, ["compare", "--quick", "--only", "affinity", "--out", str(out)])
    assert done.exit_code == 0, done.output
    results = json.loads(out.read_text())
    assert list(results["cases"]) == ["affinity", "training/DIN"]
    (row,) = results["cases"]["affinity"]
    assert row["bar"] == {"comparison": "<=", "value": 2.0}
    assert row["met"] == (row["value"]["median"] <= 2.0)
    assert set(row["parts"]) == {"1 candidate, ms", "many, ms"}
    assert row["measured_at"] > "2000"
    assert results["cases"]["training/DIN"] == [other]  # what was not measured again is kept
    assert {path.name for path in tmp_path.iterdir()} == {"layers.json", "layers.svg"}


def test_an_unknown_case_is_named_beside_the_known_ones():
    done = CliRunner().invoke(app, ["compare", "--only", "training/LSTM"])
    assert done.exit_code != 0
    assert "Received: training/LSTM; known: affinity" in done.output


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        "deepctr", "training/MoS(DIN)", "growth/DIN", "mixture/SDIM", "counterparts/SDIM",
        "candidates/TWIN", "long/SDIM", "refusal/HSTU",
    ],
)  # fmt: skip
def test_every_kind_of_case_gives_rows(case):
    rows = CASES[case](QUICK)
    assert rows
    assert all(np.isfinite(row.value.median) for row in rows)


@pytest.mark.slow
def test_peak_memory_is_measured_where_a_step_takes_more_than_a_few_pages():
    (row,) = CASES["memory/SDIM"](FULL)
    assert row.parts["padded, MB"].median > 1
    ragged, padded = (row.parts[f"{side}, MB"] for side in ("ragged", "padded"))
    assert 0.99 * ragged.lowest / padded.highest <= row.value.median <= 1.01 * ragged.highest / padded.lowest


def test_memory_that_is_too_little_to_measure_is_no_ratio(monkeypatch):
    monkeypatch.setattr(training, "in_own_process", lambda *_, **__: [0.0])
    with pytest.raises(DataError, match="take larger sizes"):
        CASES["memory/SDIM"](QUICK)


@pytest.mark.parametrize("encoder", ["DIN", "HSTU"])
def test_a_request_is_embedded_and_routed_once_whatever_the_candidates(encoder):
    embedded, routed = candidates(encoder, QUICK)[1:]
    assert embedded.value.median == routed.value.median == 1.0


def test_sides_take_turns_after_they_are_warm():
    calls = []
    sides = {name: lambda name=name: calls.append(name) for name in "ab"}
    times = alternate(sides, Sizes(repeats=2, least_seconds=0.0))
    assert "".join(calls) == "aaabbb" + "ab" * 2
    assert {name: len(found) for name, found in times.items()} == {"a": 2, "b": 2}


def test_a_ratio_is_of_the_same_round():
    times = {"a": [2.0, 20.0, 9.0], "b": [1.0, 10.0, 3.0]}
    assert ratio(times, "a", "b") == Spread(2.0, 2.0, 3.0)


@pytest.mark.parametrize(("bar", "met"), [(Bar("<=", 1.5), True), (Bar("<", 1.5), False), (Bar(">=", 1.6), False)])
def test_a_bar_is_met_by_the_median(bar, met):
    assert Row("g", "s", "q", Spread(1.5, 0.0, 9.0), bar).met is met
    assert Row("g", "s", "q", Spread(1.5, 0.0, 9.0)).met is None


def test_a_row_survives_json():
    assert Row.from_json(json.loads(json.dumps(ROW.to_json()))) == ROW


def test_results_of_another_machine_are_not_added_to(tmp_path):
    out = tmp_path / "layers.json"
    report.write(out, {})
    results = json.loads(out.read_text())
    results["machine"]["cores"] = 1000
    out.write_text(json.dumps(results))
    with pytest.raises(DataError, match="of one machine"):
        report.kept(out)


def test_log_normal_lengths_have_the_median_the_cap_and_no_seed():
    lengths = log_normal_lengths(256, FULL)
    assert abs(np.median(lengths) - 150) <= 1
    assert lengths.max() == 2000
    np.testing.assert_allclose(np.std(np.log(lengths)), 1.0, atol=0.05)


def test_batches_hold_generated_clicks_and_the_next_ones_as_candidates():
    one, longer = make_batch([5], dim=4, candidates=3), make_batch([8], dim=4)
    np.testing.assert_array_equal(one.tokens[0], longer.tokens[0, :5])
    np.testing.assert_array_equal(one.candidate_tokens[0], longer.tokens[0, 5:8])
    assert longer.candidates.shape == (1, 4)


def test_the_router_spreads_generated_events_over_its_themes():
    themes = trained_router(QUICK.users)(make_batch([500], dim=1).tokens).values[:, 0]
    assert len(np.unique(themes)) > 3


def test_the_chart_shows_every_group_that_is_measured_by_a_bar(tmp_path):
    groups = {group for column in chart._COLUMNS for group in column}
    rows = [Row(group, "layer", "q", Spread(1.0, 1.0, 1.0)) for group in groups]
    chart.draw(rows, tmp_path / "chart.svg")
    drawn = (tmp_path / "chart.svg").read_text()
    assert all(group[1:] in drawn for group in groups)
