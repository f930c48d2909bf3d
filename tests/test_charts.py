import importlib.util
import io
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from PIL import Image

from closeloop import charts
from closeloop.model import Point, Stage

location = Path(__file__).parent / "report" / "findings_sample.py"
spec = importlib.util.spec_from_file_location("charts_findings_sample", location)
sample = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sample)

HISTORY = tuple(
    Point(date(2026, 9, 7) + timedelta(weeks=i), value, 0.05, 0.15, 200, final=i < 9)
    for i, value in enumerate([0.1, 0.09, 0.11, 0.1, 0.12, 0.1, 0.3, 0.31, 0.01, 0.29])
)


SHAPES = ("polygon", "polyline")
BLUE = "#0b5c8a"


def axes_of(drawing):
    return drawing.figure.axes[0]


def marks(drawing, marker):
    return [line for line in axes_of(drawing).lines if line.get_marker() == marker]


def control(history=HISTORY, mark=None):
    return charts.control_chart(history, "On-time delivery", "late parcels", mark)


def test_weeks_outside_the_band_are_diamonds_and_no_others():
    [diamonds] = marks(control(), "D")
    assert list(diamonds.get_ydata()) == [0.3, 0.31, 0.01]


def test_weeks_that_are_not_final_are_hollow():
    [hollow] = [line for line in marks(control(), "o") if to_hex(line.get_markerfacecolor()) == "#ffffff"]
    assert list(hollow.get_ydata()) == [0.29]
    assert control().rows[-1][-1] == "not final yet"


def spark(history):
    """The band, the line and the last week of a spark, as places from the left and the top."""
    root = ET.fromstring(charts.sparkline(history, "a <quiet> week").svg)
    assert root.get("aria-label") == "a <quiet> week"
    band, line = ([tuple(map(float, xy.split(","))) for xy in root.find(n).get("points").split()] for n in SHAPES)
    dot = root.find("circle")
    return band, line, ((float(dot.get("cx")), float(dot.get("cy"))), dot.get("fill"))


def test_a_spark_ends_with_the_newest_final_week():
    band, line, (last, face) = spark(HISTORY)
    assert (len(line), last, face) == (9, line[-1], BLUE)
    growing = [replace(point, final=False) for point in HISTORY]
    assert spark(growing)[2][1] == "#ffffff"
    assert len(spark(growing)[1]) == 10
    heights = [y for _, y in line]
    values = [point.value for point in HISTORY[:9]]
    assert np.corrcoef(heights, values)[0, 1] == pytest.approx(-1, abs=1e-4), "higher values stand higher"
    scale = np.polyfit(values, heights, 1)
    assert {round(y, 0) for _, y in band} == {round(float(np.polyval(scale, v)), 0) for v in (0.05, 0.15)}
    assert [x for x, _ in line] == sorted({x for x, _ in band})


def test_a_spark_of_unknown_values_is_drawn():
    empty = [replace(point, value=math.nan) for point in HISTORY]
    assert len(spark(empty)[1]) == 1
    assert len(spark(HISTORY[:1])[1]) == 1


def test_the_band_is_the_normal_variation():
    [band] = axes_of(control()).collections
    heights = {round(float(y), 9) for y in band.get_paths()[0].vertices[:, 1]}
    assert heights == {0.05, 0.15}


def test_the_onset_is_marked_where_it_is_and_left_out_when_it_is_not_shown():
    onset = HISTORY[6].week
    [line] = [
        line
        for line in axes_of(control(mark=onset)).lines
        if np.ptp(line.get_xdata()) == 0 and len(line.get_xdata()) == 2
    ]
    assert line.get_xdata()[0] == date2num(onset)
    assert "since 19 Oct 2026" in [text.get_text() for text in axes_of(control(mark=onset)).texts]
    assert not axes_of(control(mark=date(2025, 1, 6))).texts


def test_the_order_of_weeks_does_not_matter():
    assert charts.shown(control(HISTORY[::-1]), "a") == charts.shown(control(), "a")


def test_before_and_after_lines_stand_at_the_averages():
    drawing = charts.before_after(sample.portal_verdict)
    shipped = date2num(sample.portal_verdict.change.shipped_on)
    flat = [line for line in axes_of(drawing).lines if line.get_linewidth() == 2.4]
    assert [set(line.get_ydata()) for line in flat] == [{0.462}, {0.061}]
    assert flat[0].get_xdata()[1] == flat[1].get_xdata()[0] == shipped


def test_bars_are_as_long_as_the_hours():
    stages = (Stage("pick", 5.0, 6.0, 5.0, 5.5), Stage("transit", 40.0, 70.0, 41.0, 43.0))
    axes = axes_of(charts.milestone_split(stages))
    assert [[bar.get_width() for bar in group] for group in axes.containers[:2]] == [[5.0, 40.0], [6.0, 70.0]]
    bold = [text.get_text() for text in axes.texts if text.get_fontweight() == "bold"]
    assert bold == ["+28.0\u00a0h"]


def test_ranking_has_a_panel_for_each_unit_sorted_by_excess():
    drawing = charts.ranking(sample.SAMPLE.patterns)
    assert len(drawing.figure.axes) == 4
    assert {row[0] for row in drawing.rows} == {"P3F2A", "P5D0E", "P81C4", "P7AA1"}
    spans = [line.get_xdata() for axes in drawing.figure.axes for line in axes.lines if line.get_linewidth() == 2]
    assert sorted(map(tuple, spans)) == sorted((p.excess.low, p.excess.high) for p in sample.SAMPLE.patterns)


def test_the_table_holds_every_week():
    drawing = control()
    assert len(drawing.rows) == 10
    assert drawing.rows[6] == ("19 Oct 2026", "30.0\u00a0%", "5.0\u00a0% to 15.0\u00a0%", "200", "outside")
    html = charts.shown(drawing, "alt")._repr_html_()
    assert html.count('<th scope="row">') == 10
    assert html.startswith('<figure class="closeloop mathjax_ignore"><svg ')


def test_a_shown_chart_is_named_and_well_formed():
    shown = charts.shown(control(), 'On time "fell" & stayed <low>')
    root = ET.fromstring(shown.svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'On time "fell" & stayed <low>'
    assert not re.search(r"https?:|<style|<metadata|<!--|xlink", shown.svg)
    assert len(shown.svg) < 12_000


def test_every_reference_inside_a_chart_is_defined():
    svg = charts.shown(control(mark=HISTORY[6].week), "alt").svg
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    assert used
    assert used <= set(re.findall(r'id="([^"]+)"', svg))


def test_two_charts_on_a_page_share_no_id():
    one, two = (set(re.findall(r'id="([^"]+)"', charts.shown(control(), alt).svg)) for alt in ("one", "two"))
    assert one
    assert not one & two


def test_charts_are_the_same_each_time_and_leave_pyplot_alone():
    shown = [charts.shown(control(), "alt") for _ in range(2)]
    pictures = [charts.png(control(), 560) for _ in range(2)]
    assert shown[0] == shown[1]
    assert pictures[0] == pictures[1]
    assert plt.get_fignums() == []


def test_a_png_has_the_pixels_asked_for_and_few_colours():
    picture = Image.open(io.BytesIO(charts.png(control(), 560)))
    assert picture.size[0] == 1120
    assert picture.mode == "P"
    assert len(charts.png(control(), 560)) < 25_000


def test_a_chart_without_words_is_refused():
    with pytest.raises(ValueError, match="alt is empty; say in one sentence"):
        charts.shown(control(), "  ")


@pytest.mark.parametrize(
    ("draw", "nothing"), [(charts.milestone_split, ()), (charts.ranking, ()), (spark, ()), (control, ())]
)
def test_nothing_to_draw_is_an_error_that_says_so(draw, nothing):
    with pytest.raises(ValueError, match=r"no stages|no patterns|at least one week"):
        draw(nothing)


def test_any_figure_can_be_shown():
    figure = Figure()
    figure.add_subplot().plot([1, 2])
    assert "<details" not in charts.shown(figure, "A line that rises")._repr_html_()


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("label", ["$a$b$ \\frac{", "<script>alert(1)</script>", "two\nlines & more", "{{7*7}} %s"])
def test_labels_from_data_are_only_text(label):
    stages = (Stage(label, 1.0, 2.0, 1.0, 1.0),)
    for drawing in (charts.control_chart(HISTORY, label, label), charts.milestone_split(stages)):
        shown = charts.shown(drawing, label)
        ET.fromstring(shown.svg)
        assert "<script" not in shown._repr_html_()
        assert charts.png(drawing, 300)


values = st.floats(min_value=0, max_value=1, allow_nan=False)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(values, values, values, st.booleans()), min_size=1, max_size=5))
def test_any_history_can_be_drawn(weeks):
    weeks = sorted(weeks, key=lambda w: not w[3])
    history = tuple(
        Point(date(2026, 1, 5) + timedelta(weeks=i), v, min(a, b), max(a, b), 9, final)
        for i, (v, a, b, final) in enumerate(weeks)
    )
    drawing = control(history, mark=history[0].week)
    outside = sum(p.final and not p.low <= p.value <= p.high for p in history)
    assert sum(len(line.get_xdata()) for line in marks(drawing, "D")) == outside
    ET.fromstring(charts.shown(drawing, "alt").svg)
