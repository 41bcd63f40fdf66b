import json
import shutil

import pytest

from mos_tf.errors import DataError
from mos_tf.study.archive import file_name_of, write_archive
from mos_tf.study.cell import write_result
from mos_tf.study.check_results import check_results
from mos_tf.study.config import named
from mos_tf.study.quality import Ran
from mos_tf.study.report import write_ablations, write_report
from mos_tf.study.routing_figures import Figure
from mos_tf.study.routing_report import write_routing
from mos_tf.study.timing import timed


def result(encoder, variant, seed, auc):
    metrics = {"auc": auc, "gauc": auc - 0.01}
    return {
        "encoder": encoder, "variant": variant, "seed": seed, "trial": 0, "seconds": 1.0,
        "validation": metrics, "test": metrics,
        "resampled": {name: [value, value - 0.02, value + 0.02] for name, value in metrics.items()},
        "price": {"multiply_adds": 1e6, "parameters": 9} if encoder else {},
        "made_by": {"commit": "0123abc", "cpu": "a processor", "cores": 2, "memory_gb": 24},
    }  # fmt: skip


RESULTS = [
    result("", "popularity", 0, 0.5),
    *(result(e, row, s, auc + s / 100) for e in ("SDIM", "TWIN") for row, auc in
      (("plain + affinity", 0.7), ("8 themes", 0.71), ("MoS + affinity", 0.72)) for s in (0, 1)),
]  # fmt: skip

TIMINGS = [
    {"encoder": encoder, "rows": {"MoS + affinity": {"step_ms": [9.0, 7.0, 8.0], "answer_ms": [2.0, 3.0]}},
     "candidates_a_step": 320.0, "seconds": 1.0, "made_by": RESULTS[0]["made_by"]}
    for encoder in ("SDIM", "TWIN")
]  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    directory, config = tmp_path_factory.mktemp("results"), named("generated-hopping")
    told = {"command": "mos bench", "left_out": []}
    ran = Ran(timed(RESULTS, TIMINGS), TIMINGS, seconds=13.0)
    study = directory / "cells" / config.fingerprint
    worse = {**RESULTS[1], "trial": 1, "validation": {"auc": 0.69, "gauc": 0.68}}
    for cell in (*RESULTS, worse):
        write_result(cell, study / "cells" / file_name_of(cell))
    for timing in TIMINGS:
        write_result(timing, study / "cells" / f"timing~{timing['encoder']}.json")
    write_report(config, ran, directory / "a", **told)
    write_ablations(config, ran, directory / "a", **told)
    for name in ("generated-hopping", "generated-hopping-ablations"):
        write_archive(study, directory / "a" / f"{name}.zip")
    shutil.rmtree(directory / "cells")
    figures = {("co-occurrence", 8): {"entropy": Figure((0.9, 0.8), 0.7)}}
    write_routing(config, figures, 9, directory / "b", command="mos bench routing", seconds=1.0)
    return directory


def changed(written, tmp_path, name, change):
    shutil.copytree(written, tmp_path / "results")
    path = next((tmp_path / "results").rglob(name))
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return tmp_path / "results"


def test_results_as_they_were_written_follow_from_their_cells(written):
    names = [path.name for path in check_results(written)]
    assert names == ["generated-hopping-ablations.json", "generated-hopping.json", "generated-hopping-routing.json"]


def better_cell(content):
    content["cells"][1]["test"]["auc"] += 0.001


def worse_trial(content):
    content["cells"][1] |= {"trial": 1, "validation": {"auc": 0.69, "gauc": 0.68}}


def missing_seed(content):
    del content["cells"][2]


def better_difference(content):
    content["differences"][0]["auc"]["value"] += 0.001


def surer_difference(content):
    content["differences"][0]["gauc"]["lower"] += 0.001


def difference_without_a_seed(content):
    del content["differences"][0]["auc"]["by_seed"][0]


def missing_difference(content):
    del content["differences"][0]


def other_validation(content):
    content["cells"][1]["validation"]["auc"] += 0.001


def other_settings(content):
    content["study"]["budget"]["steps"] += 1


def unknown_comparison(content):
    content["differences"][0]["comparison"] = "TWIN: MoS + affinity − unheard of"


def better_price(content):
    content["cells"][1]["price"]["multiply_adds"] = 1.0


def quicker_step(content):
    next(cell for cell in content["cells"] if "step_ms" in cell["price"])["price"]["step_ms"] = 1.0


def quicker_timing(content):
    content["timings"][1]["rows"]["MoS + affinity"]["answer_ms"][0] = 0.1


def no_cells(content):
    del content["cells"]


def better_figure(content):
    content["routings"][0]["figures"]["entropy"]["by_seed"] = [1.0, 1.0]


_OF_PLAIN = "the difference of SDIM: MoS . affinity − plain . affinity is not that of its cells"


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        ("generated-hopping.json", better_cell, "SDIM: plain . affinity, seed 0, is not what was kept"),
        (
            "generated-hopping.json",
            worse_trial,
            "SDIM: plain . affinity, seed 0, is of a trial that is not the best of its first seed on validation",
        ),
        ("generated-hopping.json", missing_seed, "SDIM: plain . affinity, seed 1, was trained and is not told of"),
        ("generated-hopping.json", missing_difference, _OF_PLAIN),
        ("generated-hopping.json", difference_without_a_seed, _OF_PLAIN),
        ("generated-hopping.json", other_validation, "SDIM: plain . affinity, seed 0, is not what was kept"),
        ("generated-hopping.json", other_settings, "DataError: cells are those of a study of the same settings"),
        ("generated-hopping.json", surer_difference, _OF_PLAIN),
        ("generated-hopping.json", better_difference, _OF_PLAIN),
        (
            "generated-hopping.json",
            unknown_comparison,
            "the difference of TWIN: MoS . affinity − unheard of is not that",
        ),
        ("generated-hopping.json", quicker_step, "SDIM: MoS . affinity, seed 0, is not what was kept"),
        ("generated-hopping.json", quicker_timing, "a timing is not what was kept"),
        ("generated-hopping-ablations.json", better_price, "SDIM: plain . affinity, seed 0, is not"),
        ("generated-hopping-ablations.json", no_cells, "it holds neither cells nor routings"),
        ("generated-hopping-routing.json", better_figure, "a table of generated-hopping-routing.md is not that"),
    ],
)
def test_a_number_that_was_changed_is_found(written, tmp_path, name, change, problem):
    with pytest.raises(DataError, match=f"{name}: {problem}") as told:
        check_results(changed(written, tmp_path, name, change))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("told", "changed_to"), [("popularity | 1 | 0.5", "popularity | 1 | 0.6"), ("| +0.02", "| +0.03")]
)
def test_a_page_that_was_changed_is_found(written, tmp_path, told, changed_to):
    directory = changed(written, tmp_path, "generated-hopping.json", lambda content: None)
    page = next(directory.rglob("generated-hopping.md"))
    assert told in page.read_text()
    page.write_text(page.read_text().replace(told, changed_to))
    with pytest.raises(DataError, match="a table of generated-hopping.md is not that"):
        check_results(directory)


def test_results_without_their_cells_are_not_believed(written, tmp_path):
    directory = changed(written, tmp_path, "generated-hopping.json", lambda content: None)
    next(directory.rglob("generated-hopping.zip")).unlink()
    with pytest.raises(DataError, match="cells are read from the .zip of a study"):
        check_results(directory)


def test_cells_without_their_page_are_found(written, tmp_path):
    directory = changed(written, tmp_path, "generated-hopping.json", lambda content: None)
    next(directory.rglob("generated-hopping.json")).unlink()
    with pytest.raises(DataError, match="a page of their name. Received: .*generated-hopping.zip"):
        check_results(directory)


@pytest.mark.parametrize(
    ("content", "problem"), [("{", "JSONDecodeError"), ("5", "TypeError"), ('{"routings": [5]}', "TypeError")]
)
def test_what_cannot_be_read_is_told_in_one_line(written, tmp_path, content, problem):
    directory = changed(written, tmp_path, "generated-hopping.json", lambda content: None)
    next(directory.rglob("generated-hopping.json")).write_text(content)
    with pytest.raises(DataError, match=problem) as told:
        check_results(directory)
    assert "\n" not in str(told.value)


def test_a_directory_without_results_says_so(tmp_path):
    with pytest.raises(DataError, match="Received: none in"):
        check_results(tmp_path)
