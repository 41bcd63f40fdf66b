import json

import pytest

from mos_tf.study.ablations import FURTHER, WHOLE, compared_with, comparisons
from mos_tf.study.cell import Cell
from mos_tf.study.config import named
from mos_tf.study.plan import ABLATION_PLANS, PLANS, Preset
from mos_tf.study.quality import Ran, has_row
from mos_tf.study.report import write_ablations
from mos_tf.study.tables import difference_table, grid_of
from mos_tf.study.training import run_cell
from mos_tf.study.variants import ABLATIONS, ROWS, VARIANTS


def result(encoder, variant, seed, auc):
    return {
        "encoder": encoder, "variant": variant, "seed": seed, "trial": 0, "seconds": 1.0,
        "validation": {"auc": auc, "gauc": auc}, "test": {"auc": auc, "gauc": auc},
        "resampled": {"auc": [auc] * 3, "gauc": [auc] * 3}, "price": {},
        "made_by": {"commit": "0123abc", "cpu": "a processor", "cores": 2, "memory_gb": 24},
    }  # fmt: skip


RESULTS = [
    result("", "true probabilities", 0, 0.9),
    *(result("SDIM", WHOLE, seed, 0.7 + seed / 100) for seed in (0, 1)),
    *(result("SDIM", "8 themes", seed, 0.69 + seed / 100) for seed in (0, 1)),
    *(result("SDIM", "as published", seed, 0.6 + seed / 100) for seed in (0, 1)),
    *(result("SDIM", "as published, 8 themes", seed, 0.59 + seed / 100) for seed in (0, 1)),
    *(result("SDIM", "as published, 8 themes, own weights for each", seed, 0.58) for seed in (0, 1)),
]


def test_every_row_is_compared_with_the_whole_that_it_changes_and_a_second_change_with_the_first():
    lines = difference_table(comparisons(grid_of(RESULTS))).splitlines()[2:]
    assert [line.split(" [")[0] for line in lines] == [
        "| SDIM: 8 themes − MoS + affinity | -0.0100",
        "| SDIM: as published − MoS + affinity | -0.1000",
        "| SDIM: as published, 8 themes − as published | -0.0100",
        "| SDIM: as published, 8 themes, own weights for each − as published | -0.0250",
        "| SDIM: as published, 8 themes, own weights for each − as published, 8 themes | -0.0150",
        "| SDIM: MoS + affinity − true probabilities | -0.1950",
    ]


def test_rows_that_are_named_are_rows_that_there_are():
    assert WHOLE in ABLATIONS and ABLATIONS[WHOLE] == VARIANTS[WHOLE]
    assert {
        *FURTHER,
        *FURTHER.values(),
        *(other for row in ABLATIONS for other in compared_with(row)),
    } <= ABLATIONS.keys()
    assert all(plan.seeds_of.keys() <= ROWS.keys() and WHOLE in plan.seeds_of for plan in ABLATION_PLANS.values())
    assert ABLATIONS.keys() <= ABLATION_PLANS[Preset.NIGHT].seeds_of.keys()


def test_without_affinity_an_ablation_changes_one_thing_about_the_row_as_published():
    published = VARIANTS["MoS"]
    assert ABLATIONS["as published"] == published
    changed = {row: variant for row, variant in ABLATIONS.items() if row.startswith("as published, ")}
    assert len(changed) > 10 and all(variant.affinity == "none" for variant in changed.values())
    assert all(variant.ranker.items() >= published.ranker.items() for variant in changed.values())
    assert changed["as published, window of 5"].mixture == {"window": 5}


def test_a_name_means_one_row_and_has_one_file():
    assert all(VARIANTS[name] == ABLATIONS[name] for name in VARIANTS.keys() & ABLATIONS.keys())
    files = {Cell(encoder="SDIM", variant=row, seed=0).file_name for row in ROWS}
    assert len(files) == len(ROWS)


@pytest.mark.parametrize("preset", [Preset.MINUTES, Preset.HOUR])
def test_small_ablations_share_the_study_of_the_tables_so_that_no_cell_is_trained_twice(preset):
    config = named("generated-hopping")
    ablated, tables = ABLATION_PLANS[preset], PLANS[preset]
    assert ablated.limited(config).fingerprint == tables.limited(config).fingerprint
    assert ablated.trials == tables.trials and set(ablated.encoders) <= set(tables.encoders)


def test_a_smaller_budget_says_which_ablations_it_leaves_out():
    told = ABLATION_PLANS[Preset.MINUTES].left_out(ABLATION_PLANS[Preset.NIGHT], named("generated-hopping"))
    assert "as published, window of 25" in told[0] and "seeds: 2 of 3" in told
    assert not any(line.startswith(("encoders", "peers", "not installed")) for line in told)


def test_rows_of_the_tables_are_for_the_study_to_choose_and_ablations_are_not(study_data, monkeypatch):
    assert has_row(study_data, "MoS + affinity, true themes") and has_row(study_data, "8 themes")
    monkeypatch.setattr(study_data, "config", study_data.config.model_copy(update={"rows": (WHOLE,)}))
    assert has_row(study_data, WHOLE) and has_row(study_data, "8 themes")
    assert not has_row(study_data, "plain")


def test_a_report_of_ablations_lies_beside_that_of_the_tables(tmp_path):
    config = named("generated-hopping")
    told = {"command": "mos bench ablations", "left_out": ["seeds: 2 of 3"]}
    paths = write_ablations(config, Ran(RESULTS, [], seconds=9.0), tmp_path, **told)
    assert [path.name for path in paths] == ["generated-hopping-ablations.json", "generated-hopping-ablations.md"]
    page, content = paths[1].read_text(), json.loads(paths[0].read_text())
    assert page.startswith(f"# {config.title}: one change at a time\n") and "- left out: seeds: 2 of 3\n" in page
    assert "| SDIM: 8 themes − MoS + affinity | -0.0100 [-0.0100, -0.0100] |" in page
    assert content["differences"][0]["auc"]["value"] == pytest.approx(-0.01)
    assert len(content["cells"]) == len(RESULTS)


@pytest.mark.slow
@pytest.mark.parametrize("row", ["8 themes", "learned from a random start"])
def test_an_ablation_is_trained_as_a_row_is(study_data, tmp_path, row):
    cell = Cell(encoder="DIN", variant=row, seed=0)
    run_cell(cell, study_data, tmp_path)
    assert json.loads((tmp_path / cell.file_name).read_text())["variant"] == row
