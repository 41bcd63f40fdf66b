import numpy as np
import pytest

from mos_tf.study.config import named
from mos_tf.study.quality import Ran
from mos_tf.study.report import write_report
from mos_tf.study.tables import comparisons, difference_table, grid_of, kept_as_begun, markdown, quality_table


def result(encoder, variant, seed, auc, multiply_adds=1e6):
    rng = np.random.default_rng(0)
    values = [auc, *(auc + rng.normal(0, 0.01, 50))]
    return {
        "encoder": encoder, "variant": variant, "seed": seed, "trial": 0, "seconds": 1.0,
        "validation": {"auc": auc, "gauc": auc},
        "test": {"auc": auc, "gauc": auc, **({"log_loss": 0.3, "calibration": 1.0} if encoder else {})},
        "resampled": {"auc": values, "gauc": values},
        "price": {"multiply_adds": multiply_adds, "parameters": 9} if encoder else {},
        "made_by": {"commit": "4567def" if encoder == "TWIN" else "0123abc", "cpu": "a processor", "cores": 2},
    }  # fmt: skip


RESULTS = [
    result("", "popularity", 0, 0.5),
    *(result(e, "plain + affinity", s, 0.7 + 0.01 * s) for e in ("SDIM", "TWIN") for s in (0, 1)),
    *(result(e, "MoS + affinity", s, 0.72 + 0.01 * s, 1.5e6) for e in ("SDIM", "TWIN") for s in (0, 1)),
    result("SDIM", "plain", 0, 0.6),
]


def test_markdown_has_a_line_a_row_and_numbers_to_the_right():
    assert markdown(["", "AUC"], [["plain", "0.7"]]) == "|  | AUC |\n| --- | ---: |\n| plain | 0.7 |\n"


def test_a_row_shows_mean_and_deviation_over_seeds_and_leaves_out_what_a_peer_has_not():
    lines = quality_table(grid_of(RESULTS)).splitlines()
    assert "| popularity | 1 | 0.5000 | 0.5000 |  |  |  |  |  |  |  |" in lines
    assert any(line.startswith("| SDIM: plain + affinity | 2 | 0.7050 ± 0.0071 |") for line in lines)


def test_a_row_whose_trainings_no_step_made_better_is_told_with_their_number():
    kept = [{**result("SDIM", "MoS + affinity", seed, 0.7), "kept": step} for seed, step in enumerate([0, 3, 0])]
    better = {**result("SDIM", "plain + affinity", 0, 0.7), "kept": 5}
    earlier = result("SDIM", "MoS + affinity", 3, 0.7)
    assert kept_as_begun(grid_of([*kept, earlier, better])).endswith("has a say, in SDIM: MoS + affinity (2 of 3).\n\n")
    assert kept_as_begun(grid_of([better, earlier])) == ""


def test_ours_is_compared_with_rows_that_know_as_much_and_with_every_peer():
    compared = comparisons(grid_of(RESULTS))
    assert [name for name, _ in compared] == [
        "SDIM: MoS + affinity − plain + affinity", "SDIM: MoS + affinity − plain", "SDIM: MoS + affinity − popularity",
        "TWIN: MoS + affinity − plain + affinity", "TWIN: MoS + affinity − popularity",
        "all encoders: MoS + affinity − plain + affinity",
    ]  # fmt: skip
    table = difference_table(compared)
    assert "| **all encoders: MoS + affinity − plain + affinity** | +0.0200 [+0.0200, +0.0200] |" in table
    assert "| SDIM: MoS + affinity − popularity | +0.2250 [+0.2200, +0.2300] |" in table


def test_rows_are_compared_that_count_alike_and_our_default_with_every_plain_encoder():
    rows = ["plain", "MoS", "plain + counts", "MoS + counts", "MoS + counts, random themes", "MoS + affinity"]
    compared = comparisons(grid_of(result("SDIM", row, 0, 0.7) for row in rows))
    assert [name.removeprefix("SDIM: ") for name, _ in compared] == [
        "MoS − plain",
        "MoS + counts − plain + counts",
        "MoS + counts − MoS + counts, random themes",
        "MoS + affinity − plain",
        "MoS + affinity − plain + counts",
        "MoS + counts, random themes − plain + counts",
    ]


def test_published_peers_are_compared_with_what_knows_as_much_too():
    results = [result("", "FuxiCTR: DIN", 0, 0.6), *(result("SDIM", row, 0, 0.7) for row in ("MoS", "MoS + affinity"))]
    names = [name for name, _ in comparisons(grid_of(results))]
    assert names == ["SDIM: MoS + affinity − FuxiCTR: DIN", "SDIM: MoS − FuxiCTR: DIN"]


def test_peers_that_know_label_rates_are_compared_with_what_knows_them_too():
    rows = ["plain + affinity", "MoS + affinity", "plain + affinity + priors", "MoS + affinity + priors"]
    results = [result("", "boosting + priors", 0, 0.6), *(result("SDIM", row, 0, 0.7) for row in rows)]
    assert [name.removeprefix("SDIM: ") for name, _ in comparisons(grid_of(results))] == [
        "MoS + affinity − plain + affinity",
        "MoS + affinity − plain + affinity + priors",
        "MoS + affinity + priors − plain + affinity + priors",
        "MoS + affinity − boosting + priors",
        "MoS + affinity + priors − boosting + priors",
    ]


def test_ours_with_crosses_is_compared_with_every_peer():
    rows = ["plain + affinity", "MoS + affinity", "plain + affinity + crosses", "MoS + affinity + crosses"]
    results = [result("", "DCN", 0, 0.6), *(result("SDIM", row, 0, 0.7) for row in rows)]
    names = [name.removeprefix("SDIM: ") for name, _ in comparisons(grid_of(results))]
    assert "MoS + affinity + crosses − plain + affinity + crosses" in names
    assert names[-2:] == ["MoS + affinity − DCN", "MoS + affinity + crosses − DCN"]


def test_a_report_holds_every_number_its_page_and_its_picture(tmp_path):
    config = named("generated-hopping")
    told = {"command": "mos bench quality", "left_out": ["seeds: 2 of 5"]}
    paths = write_report(config, Ran(RESULTS, [], seconds=5400.0), tmp_path, **told)
    assert [path.name for path in paths] == [f"{config.name}{suffix}" for suffix in (".json", ".md", ".png")]
    page = paths[1].read_text()
    assert page.startswith(
        f"# {config.title}\n\n`mos bench quality`, 1.5 hours of one core; commit 0123abc, 4567def on 2 cores of a "
        "processor.\n"
    )
    assert "- left out: seeds: 2 of 5\n" in page
    assert "resampled" not in paths[0].read_text()
    assert paths[2].read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("missing", ["MoS + affinity"])
def test_without_ours_there_is_nothing_to_compare(missing):
    assert comparisons(grid_of(r for r in RESULTS if r["variant"] != missing)) == []
