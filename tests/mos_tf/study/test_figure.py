import matplotlib.colors
import pytest

from mos_tf.study.figure import trade_off
from mos_tf.study.tables import grid_of
from mos_tf.study.variants import VARIANTS
from tests.mos_tf.study.test_tables import RESULTS, result

ROWS = [*RESULTS, result("SDIM", "MoS", 0, 0.65, 1.3e6), result("TWIN", "GShard + affinity", 0, 0.69, 3e6)]


@pytest.fixture
def chart():
    return trade_off(grid_of(ROWS), "A log")


def test_every_encoder_has_a_panel_with_affinity_and_one_without_where_there_is_something_to_show(chart):
    titles = [axes.get_title(loc="left") for axes in chart.figure.axes]
    assert titles == ["SDIM, no affinity", "SDIM, with affinity", "TWIN, with affinity"]


def test_the_legend_names_each_row_once_though_encoders_share_it(chart):
    (legend,) = chart.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["plain", "MoS", "GShard"]


def test_a_row_lies_where_it_costs_and_gains(chart):
    above = chart.figure.axes[1]  # SDIM, with affinity
    points = {(round(float(x), 3), round(float(y), 4)) for line in above.lines for x, y in [line.get_xydata()[0]]}
    assert (1.5, 0.02) in points and (1.0, 0.0) in points
    assert "SDIM MoS + affinity +0.0200" in chart.alt and "TWIN GShard + affinity -0.0100" in chart.alt


def test_a_row_has_one_marker_in_every_panel(chart):
    markers = {
        (line.get_marker(), matplotlib.colors.to_hex(line.get_color()))
        for axes in chart.figure.axes
        for line in axes.lines
        if line.get_xydata()[0, 0] in (1.3, 1.5)
    }
    assert len(markers) == 1


def test_what_one_encoder_alone_has_stands_side_by_side_and_takes_no_line_of_its_own():
    counts = [result("SDIM", row, 0, auc, 1e6) for row, auc in (("plain + counts", 0.6), ("MoS + counts", 0.62))]
    others = [result(name, f"{row} + affinity", 0, 0.7, 1e6) for name in ("TWIN", "HSTU") for row in ("plain", "MoS")]
    figure = trade_off(grid_of([*ROWS, *counts, *others]), "A log").figure
    lines = {}
    for axes in figure.axes:
        lines.setdefault(axes.get_subplotspec().rowspan.start, []).append(axes.get_title(loc="left"))
    assert lines[0] == ["SDIM, no affinity", "SDIM, with counts"]
    assert lines[1][0] == "SDIM, with affinity" and len(lines[1]) == 3


def test_every_row_of_the_tables_that_is_compared_has_a_marker():
    rows = [result("SDIM", row, 0, 0.7, 1e6) for row in VARIANTS]
    assert "true themes" in trade_off(grid_of(rows), "A log").alt
