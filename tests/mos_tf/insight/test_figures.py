import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pandas as pd
import pytest

from mos_tf.insight.figures.log import history_lengths, hopping_shares
from mos_tf.insight.figures.quality import quality_by_slice
from mos_tf.insight.figures.themes import theme_load
from mos_tf.insight.figures.timelines import theme_colours, user_timeline
from mos_tf.insight.figures.training import training_curves
from mos_tf.insight.hopping import session_hopping
from mos_tf.insight.results import Evaluation, Metric
from mos_tf.insight.themes import Themes
from mos_tf.insight.timelines import timeline

THEMES = Themes(2, {"a & b": 0, "<c>": 1, "$x_{^": 1}, {"a & b": 5, "<c>": 9, "$x_{^": 1}, np.array([0.6, 0.3, 0.1]))
EVENTS = pd.DataFrame({"user_id": list("uuuv"), "timestamp": [0, 90_000, 180_000, 9], "theme": [0, 1, 1, 2]})


def timeline_chart():
    drawn = timeline(EVENTS, "u")
    return user_timeline(drawn, THEMES, theme_colours([drawn]), "household u")


CHARTS = {
    "lengths": lambda: history_lengths(pd.Series([1, 4, 4, 900])),
    "lengths of one": lambda: history_lengths(pd.Series([1])),
    "hopping": lambda: hopping_shares({"theme": session_hopping(EVENTS, "theme")}),
    "training": lambda: training_curves({"loss": [0.5], "val_auc": [0.6, 0.7]}),
    "training without curves": lambda: training_curves({}),
    "quality": lambda: quality_by_slice(
        Evaluation(blessed=True, gates=[], metrics=[Metric(slice="overall", metric="log_loss", value=0.4)])
    ),
    "load": lambda: theme_load(THEMES),
    "timeline": timeline_chart,
}


@pytest.mark.parametrize("name", CHARTS)
def test_a_figure_is_valid_svg_with_ids_of_its_own(name):
    svg = ElementTree.fromstring(CHARTS[name]().svg("own"))
    assert svg.tag == "{http://www.w3.org/2000/svg}svg"
    assert "viewBox" in svg.attrib and not {"width", "height"} & set(svg.attrib)
    assert all(element.get("id", "own-").startswith("own-") for element in svg.iter())
    assert not svg.findall(".//{http://www.w3.org/2000/svg}metadata")


@pytest.mark.parametrize("name", CHARTS)
def test_a_figure_is_the_same_every_time(name):
    assert CHARTS[name]().svg("a") == CHARTS[name]().svg("a")


def test_drawing_leaves_the_settings_of_matplotlib_alone():
    before = dict(matplotlib.rcParams)
    timeline_chart().svg("a")
    assert dict(matplotlib.rcParams) == before


def test_names_are_text_not_markup_or_mathematics():
    text = "".join(ElementTree.fromstring(timeline_chart().svg("a")).itertext())
    assert "<c>, $x_{^" in text
    assert "a & b" in text


def test_a_figure_says_its_numbers_in_words():
    assert "median 4, 95th percentile" in CHARTS["lengths"]().alt
    assert "theme 0 holds 60.0%, even would be 50.0%, no theme 10.0%" in CHARTS["load"]().alt
    assert "AUC eval 0.7000" in CHARTS["training"]().alt
    assert "log loss overall 0.4000" in CHARTS["quality"]().alt
    assert "across its end 50.0%" in CHARTS["hopping"]().alt


def test_history_lengths_marks_lengths_that_users_have():
    # Of four users the median lies between 4 and 9, and the 95th percentile between 9 and 900.
    assert "median 4, 95th percentile 9, longest 900" in history_lengths(pd.Series([1, 4, 9, 900])).alt
