"""The explorer: what it shows is what the data says, every view is a cell, and a press never breaks it."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from closeloop import metrics, project, segments
from closeloop.explorer import page, screen, state, view
from closeloop.explorer.lasting import TimeView
from closeloop.explorer.screen import Screen, press
from closeloop.explorer.widget import Explorer
from closeloop.loop import Loop
from closeloop.model import Slice
from closeloop.workbench import Workbench

EVIL = '"); __import__("os").system("touch owned") #</script><script>alert(1)</script>{{7*7}}'


@pytest.fixture(scope="module")
def own(open_source: Callable[..., Loop], demo_files: Path) -> Loop:
    """A week of its own, for a saved filter changes the facts."""
    return open_source("2026-W47", demo_files)


@pytest.fixture(scope="module")
def transit(demo: Loop) -> Screen:
    """The planted linehaul problem, as somebody would come upon it: the metric, then FedEx."""
    found = press(screen.begin(demo, "slow_transit"), {"do": "split", "value": "service"})
    found = press(found, {"do": "narrow", "dim": "service", "value": "FedEx Ground"})
    return press(press(found, {"do": "period", "start": "2026-11-18", "end": "2026-11-04"}), split("region"))


def split(dim: str) -> dict[str, str]:
    return {"do": "split", "value": dim}


def test_a_view_has_the_numbers_of_the_rows_themselves(demo: Loop, transit: Screen) -> None:
    metric = metrics.by_id("slow_transit")
    frame = demo.con.execute(
        f"SELECT region, ({metric.at})::DATE AS day, ({metric.bad})::INT AS bad FROM {metric.view}"
        f" WHERE ({metric.rows}) AND service = 'FedEx Ground'"
    ).df()
    day = frame["day"].dt.strftime("%Y-%m-%d")
    now = frame[(day >= "2026-11-02") & (day <= "2026-11-22")]
    before = frame[(day >= "2026-09-07") & (day < "2026-11-02")]
    assert transit.view.whole.now == pytest.approx(now["bad"].mean())
    assert transit.view.whole.before == pytest.approx(before["bad"].mean())
    for part in transit.view.parts:
        mine, earlier = (rows[rows["region"] == dict(part.where.where)["region"]]["bad"] for rows in (now, before))
        assert (part.now, part.before) == (pytest.approx(mine.mean()), pytest.approx(earlier.mean()))
        assert part.excess == pytest.approx((mine.sum() - earlier.mean() * len(mine)) / 3)
        assert part.size == pytest.approx(len(mine) / 3)


def test_a_time_is_told_in_quantiles_of_the_rows_themselves(demo: Loop, transit: Screen) -> None:
    found = press(transit, {"do": "metric", "value": "transit_time_d"})
    assert found.fault == ""
    assert isinstance(found.view, TimeView)
    west = next(one for one in found.view.parts if one.group == "West South Central")
    ages = demo.con.execute(
        "SELECT epoch(attempt_at - handed_over_at) / 86400 AS days FROM parcel_facts WHERE service = 'FedEx Ground'"
        " AND region = 'West South Central' AND handed_over_at IS NOT NULL"
    ).df()["days"]
    assert west.n == len(ages)
    assert west.quantiles[0.5].value == pytest.approx(ages.fillna(99).quantile(0.5), abs=0.3)
    assert found.view.parts[0].quantiles[0.9].value == max(one.quantiles[0.9].value for one in found.view.parts)
    html = page.explorer(found)
    assert "nine in ten within" in html
    assert 'data-value="West South Central"' in html
    assert 'loop.measure("transit_time_d", "service = FedEx Ground", by="region")' in found.code
    assert press(found, {"do": "metric", "value": "slow_transit"}).view == transit.view
    assert "Transit time is a time" in press(found, {"do": "panel", "value": "why"}).fault


def test_the_planted_region_stands_first(transit: Screen) -> None:
    assert transit.view.parts[0].where == Slice.parse("service = FedEx Ground & region = West South Central")
    slowest = max(transit.view.stages, key=lambda stage: stage.excess)
    assert slowest.name == "first scan to destination"


LOOKS = (
    [],
    [{"do": "narrow", "dim": "region", "value": "West South Central"}, split("warehouse")],
    [{"do": "metric", "value": "return_rate"}, split("sku"), {"do": "narrow", "dim": "sku", "value": "APP-04"}],
    [{"do": "metric", "value": "reship_rate"}, {"do": "period", "start": "2026-08-03", "end": "2026-09-20"}],
    [{"do": "metric", "value": "cost_index"}, {"do": "everything"}, split("weekday")],
)


def test_the_copied_cell_gives_the_same_view(transit: Screen, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "cache", lambda: cache)
    opened, names = "", dict[str, Any]()
    for presses in LOOKS:
        shown = transit
        for pressed in presses:
            shown = press(shown, pressed)
            assert not shown.fault
        cell = ast.parse(shown.code)
        last = cell.body.pop()
        assert isinstance(last, ast.Expr)
        if ast.unparse(cell) != opened:  # the same week need not be opened twice
            opened = ast.unparse(cell)
            exec(opened, names)
        again = eval(ast.unparse(last), names)
        assert again == shown.view
        assert again._repr_html_() == shown.view._repr_html_()


def test_no_value_from_data_becomes_code_or_markup(transit: Screen) -> None:
    evil = transit.state.narrowed("service", EVIL)
    assert [type(node) for node in ast.parse(state.call(evil)).body] == [ast.Expr]
    call = ast.parse(state.call(evil), mode="eval").body
    assert isinstance(call, ast.Call)
    assert ast.literal_eval(call.args[1]) == str(evil.where)
    told = press(transit, {"do": "narrow", "dim": "service", "value": EVIL})
    assert told.state == transit.state
    html = page.explorer(told)
    assert "not one row" in told.fault
    assert "<script" not in html
    assert "alert(1)&lt;/script&gt;" in html


@pytest.mark.parametrize(
    ("pressed", "said"),
    [
        ({"do": "split", "value": "owner; DROP TABLE parcel_facts"}, "cannot be sliced by"),
        ({"do": "metric", "value": "beauty"}, "unknown metric 'beauty'"),
        ({"do": "period", "start": "yesterday", "end": "2026-11-02"}, "yesterday"),
        ({"do": "period", "start": "2031-01-01", "end": "2031-02-01"}, "its weeks run from"),
        ({"do": "narrow"}, "nothing of that name"),
        ({"do": "format the disk"}, "nothing of that name"),
        ({}, "nothing of that name"),
    ],
)
def test_what_cannot_be_shown_is_said_and_the_view_stays(transit: Screen, pressed: dict[str, str], said: str) -> None:
    told = press(transit, pressed)
    assert said in told.fault
    assert told.view is transit.view
    assert press(told, split("zone")).fault == ""


def test_a_fourth_dimension_is_refused_in_words(transit: Screen) -> None:
    deep = press(transit, {"do": "narrow", "dim": "region", "value": "West South Central"})
    deep = press(deep, split("warehouse"))
    deep = press(deep, {"do": "narrow", "dim": "warehouse", "value": deep.view.parts[0].where.where[-1][1]})
    assert "at most 3 dimensions" in press(deep, split("zone")).fault


def test_a_metric_of_other_rows_says_what_it_leaves_out(transit: Screen) -> None:
    told = press(transit, {"do": "metric", "value": "return_rate"})
    assert "Left out: service" in told.said
    assert told.state.where == Slice()


def test_it_opens_on_a_pattern_and_knows_it_as_one(demo: Loop) -> None:
    pattern = demo.patterns.patterns[-1]
    opened = screen.begin(demo, pattern.id)
    assert (opened.state.metric, opened.state.where) == (pattern.metric, pattern.slice)
    assert opened.pattern == pattern
    why = press(opened, {"do": "panel", "value": "why"})
    assert why.cause in demo.causes
    assert why.cause.sentence in page.explorer(why)
    with pytest.raises(ValueError, match="neither a pattern of 2026-W47"):
        screen.begin(demo, "PZZZZ")


def test_candidates_are_found_for_a_view_that_is_no_pattern(transit: Screen) -> None:
    hit = press(transit, {"do": "narrow", "dim": "region", "value": "West South Central"})
    why = press(hit, {"do": "panel", "value": "why"})
    assert why.cause is not None
    assert why.cause.origin == "carrier"


def test_a_saved_filter_holds_the_same_rows_and_stands_wherever_a_slice_does(
    own: Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "sources").symlink_to(project.root() / "params" / "sources")
    monkeypatch.setattr(project, "root", lambda: tmp_path)
    asked = screen.begin(own, "slow_transit")
    for dim, value in (("service", "FedEx Ground"), ("region", "West South Central")):
        asked = press(asked, {"do": "narrow", "dim": dim, "value": value})
    saved = press(asked, {"do": "save", "name": "slow_south", "title": "FedEx into the south: \n#1"})
    assert "segment_slow_south = yes" in saved.said
    (one,) = segments.read(tmp_path / "params" / "segments")
    assert one.title == "FedEx into the south: #1"
    assert "segment_slow_south" in saved.dims
    as_filter = Workbench(own).view("slow_transit", "segment_slow_south = yes")
    assert as_filter.whole.now == asked.view.whole.now
    assert [p.total for p in as_filter.history] == [p.total for p in asked.view.history]
    assert press(saved, {"do": "save", "name": "slow_south", "title": "another"}).fault.startswith(
        "filter 'slow_south'"
    )
    assert "small letters" in press(saved, {"do": "save", "name": "../owned", "title": ""}).fault
    assert "narrow it" in press(press(saved, {"do": "everything"}), {"do": "save", "name": "all", "title": ""}).fault


def test_every_week_of_the_chart_has_its_place(transit: Screen) -> None:
    html = page.explorer(transit)
    lefts = [float(left) for left in re.findall(r'data-week="[^"]+"[^>]* style="left: ([\d.]+)%', html)]
    assert len(lefts) == len(transit.view.history)
    assert lefts == sorted(lefts)
    assert lefts[0] > 0
    assert lefts[-1] < 97
    assert html.count('class="chosen"') == transit.state.weeks == 3


def test_the_widget_answers_whatever_it_is_sent(demo: Loop) -> None:
    widget = Explorer(demo, "slow_transit")
    for sent in (None, [], "split", {"do": ["split"]}, {3: 4}):
        widget._heard(widget, sent, [])
        assert "nothing of that name" in widget.html
    widget._heard(widget, split("carrier"), [])
    assert widget.screen.state.by == "carrier"
    assert widget.html == page.explorer(widget.screen)
    assert widget.drawn == 6


def test_a_view_says_what_it_lacks(demo: Loop) -> None:
    loop = Workbench(demo)
    with pytest.raises(ValueError, match="is not a day"):
        loop.view("slow_transit", start="last week")
    assert loop.view("slow_transit", start="2026-11-02", end="2026-10-05").state.weeks == 5
    young = loop.view("return_rate", end="2026-11-16")
    assert young.unfinished == 3
    assert "can still change" in young._repr_html_()
    assert view.latest(demo.cube, "return_rate").end.isoformat() == "2026-10-26"
