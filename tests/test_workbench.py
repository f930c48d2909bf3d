"""An analyst's questions: drilling down counts the same at every level, names are offered, tables are safe."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from closeloop import alerts, metrics
from closeloop.loop import Loop
from closeloop.model import Slice
from closeloop.tables import PERSONAL_COLUMNS
from closeloop.workbench import Answer, Column, Workbench, rows
from closeloop.workbench.shell import say_errors_plainly

HOSTILE = '<img src=x onerror="alert(1)">&<script>alert(2)</script>'


@pytest.fixture(scope="module")
def loop(demo: Loop) -> Workbench:
    return Workbench(demo)


@pytest.fixture(scope="module")
def shell(loop: Workbench) -> InteractiveShell:
    shell = InteractiveShell.instance()
    shell.push({"loop": loop})
    return shell


def test_every_level_of_a_drill_down_counts_the_same(loop: Workbench, demo: Loop) -> None:
    assert demo.patterns.patterns
    for pattern in demo.patterns.patterns:
        since = loop.measure(where=pattern.id, period=f"{pattern.onset:%G-W%V}..2026-W47").frame
        parts = loop.measure(
            where=pattern.id, by=next(d for d in metrics.by_id(pattern.metric).dims if d not in pattern.slice.dims)
        ).frame
        listed, every = (loop.shipments(pattern.id, only=only).frame for only in ("counted", "all"))
        cube = demo.cube.of(pattern.metric)
        weeks = [week >= pattern.onset for week in cube.weeks]
        row = cube.row(pattern.slice)
        for sums in (since, parts, every):
            assert sums["counted"].sum() == pytest.approx(cube.bad[row, weeks].sum())
            assert sums["of"].sum() == pytest.approx(cube.total[row, weeks].sum())
        assert listed["counted"].sum() == pytest.approx(cube.bad[row, weeks].sum())
        assert (listed["counted"] != 0).all()


def test_each_parcel_listed_as_late_came_late_by_its_own_timeline(loop: Workbench) -> None:
    late = loop.shipments("carrier = UPS", "on_time_delivery").frame
    kept = loop.shipments("carrier = UPS", "on_time_delivery", only="all").frame
    kept = kept[kept["counted"] == 0]
    assert len(late) > 5
    for frame, came_late in ((late, True), (kept, False)):
        for name in frame["shipment_id"].head(8):
            told = loop.parcel(name).frame
            due = told.loc[told["what"] == "the promised day is over", "at"].iloc[0]
            tries = told.loc[told["what"].isin(["attempt failed", "delivered", "available for pickup"]), "at"]
            assert (tries.empty or tries.min() >= due) == came_late, name
            assert told["at"].is_monotonic_increasing


def test_a_split_says_which_part_added_what_was_planted(loop: Workbench) -> None:
    split = loop.measure("slow_transit", "service = FedEx Ground", by="region", period="2026-W45..2026-W47")
    assert split.frame["region"].iloc[0] == "West South Central"
    assert split.says.startswith("West South Central: +")
    assert len(split.sparks) == len(split.frame)
    before = split.frame["before"].to_numpy()
    assert split.frame["added"].to_numpy() == pytest.approx(split.frame["counted"] - before * split.frame["of"])


def test_a_saved_segment_and_a_slice_object_are_asked_like_any_filter(loop: Workbench) -> None:
    where = loop.dims.carrier["UPS"] & loop.dims["segment_heavy_far"]["yes"]
    text = loop.measure("on_time_delivery", "segment_heavy_far = yes & carrier = UPS").frame
    pd.testing.assert_frame_equal(loop.measure("on_time_delivery", where).frame, text)
    with pytest.raises(ValueError, match="nothing can be in both"):
        _ = where & Slice.parse("carrier = FedEx")


def test_times_and_stocks_are_asked_the_same_way(loop: Workbench) -> None:
    by_carrier = loop.measure("transit_time_d", by="carrier")
    assert set(by_carrier.frame["group"]) == set(loop.dims.carrier.values)
    backlog = loop.measure("ready_backlog", "channel = web", period="2 weeks").frame
    assert len(backlog) == 14
    grown = backlog["waiting"].diff().dropna()
    assert np.array_equal(grown, (backlog["came"] - backlog["went"])[1:])


def test_milestones_point_at_the_step_that_was_planted(loop: Workbench, demo: Loop) -> None:
    slow = next(p for p in demo.patterns.patterns if p.metric == "slow_transit")
    split = loop.milestones(slow.id)
    most = split.frame.loc[split.frame["added"].idxmax()]
    assert most["step"] == "first scan to destination"
    assert "<svg" in split.chart()._repr_html_()


def test_sides_to_compare_differ_in_one_dimension(loop: Workbench) -> None:
    two = loop.compare("carrier = FedEx", "carrier = UPS", where="region = Pacific").frame
    assert set(two["other"]) == {"UPS"}
    with pytest.raises(ValueError, match="differ in one"):
        loop.compare("carrier = FedEx", "region = Pacific")


def test_a_replayed_alert_catches_no_more_than_was_missed(loop: Workbench) -> None:
    told = loop.replay("label", hours=(12, 24, 48)).frame.iloc[:3]
    assert (told["caught"] <= told["missed"]).all()
    assert told["caught"].is_monotonic_decreasing


def test_a_sweep_has_the_alert_of_today_in_table_picture_and_words(loop: Workbench, tmp_path: Path) -> None:
    found = loop.replay("first scan", "carrier = FedEx", hours=(12, 24, 48))
    assert found.best is not None
    assert found.today is not None
    assert found.frame["advised"].tolist()[-1] == "today's alert"
    assert "Today's alert (no carrier scan 48 hours after the label)" in found.says
    assert found.today.missed == found.best.missed, "held against each other on the same promises"
    drawn = found.chart()
    assert "today" in str(drawn._repr_html_())
    written = tmp_path / "alert.yml"
    written.write_text(found.rule, encoding="utf-8")
    again = alerts.read(written)
    assert again is not None
    assert (again.waits_for, again.hours) == (found.best.rule.waits_for, found.best.rule.hours)


@pytest.mark.parametrize(("ask", "said"), [
    (lambda loop: loop.measure("on_tme_delivery"), "did you mean 'on_time_delivery'"),
    (lambda loop: loop.measure("on_time_delivery", "carier = FedEx"), "did you mean 'carrier'"),
    (lambda loop: loop.measure("on_time_delivery", "carrier = Fedx"), "did you mean 'FedEx'"),
    (lambda loop: loop.measure("on_time_delivery", by="regoin"), "did you mean 'region'"),
    (lambda loop: loop.measure("on_time_delivery", period="last week"), "or 8 weeks"),
    (lambda loop: loop.measure("on_time_delivery", period="2026-W52"), "none after 2026-W47"),
    (lambda loop: loop.measure(), "which metric"),
    (lambda loop: loop.measure(where="PFFFF"), "2026-W47: no pattern is called 'PFFFF'"),
    (lambda loop: loop.shipments("2026-W40/P0404"), "open 2026-W40"),
    (lambda loop: loop.parcel("nothing"), "no parcel and no order is called 'nothing'"),
    (lambda loop: loop.dims.carrier["Fedex"], "did you mean 'FedEx'"),
    (lambda loop: loop.dims["carier"], "did you mean 'carrier'"),
    (lambda loop: loop.metrics["Late parcels"], "no metric is called"),
])  # fmt: skip
def test_a_wrong_name_is_answered_with_the_nearest(
    loop: Workbench, ask: Callable[[Workbench], object], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        ask(loop)


@pytest.mark.parametrize(("typed", "offered"), [
    ("loop.metrics.on_t", "on_time_delivery"),
    ("loop.metrics['on_t", "on_time_delivery"),
    ("loop.dims.carr", "carrier"),
    ("loop.dims['carr", "carrier"),
    ("loop.dims.carrier['Fed", "FedEx"),
    ("loop.meas", "measure"),
])  # fmt: skip
def test_tab_offers_metrics_dimensions_and_values(shell: InteractiveShell, typed: str, offered: str) -> None:
    with provisionalcompleter():  # what the kernel asks
        matches = [found.text for found in shell.Completer.completions(typed, len(typed))]
    assert offered in [match.lstrip(".") for match in matches]


def test_an_error_of_closeloop_is_one_message_and_others_keep_their_traceback(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    say_errors_plainly()
    shell.run_cell("loop.measure('on_tme')")
    said = capsys.readouterr().out
    assert "closeloop: no metric is called 'on_tme'" in said
    assert "Traceback" not in said
    assert "%tb" in said
    shell.run_cell("%tb")
    assert "Traceback" in capsys.readouterr().out
    shell.run_cell("loop.measur()")
    assert "closeloop: no part of Workbench is called 'measur'; did you mean 'measure'?" in capsys.readouterr().out
    shell.run_cell("int('x')")
    assert "Traceback" in capsys.readouterr().out


def test_what_data_says_is_text_in_a_table_and_nothing_personal_is_listed() -> None:
    frame = pd.DataFrame({"sku": [HOSTILE] * 20, "n": range(20)})
    html = Answer(HOSTILE, HOSTILE, frame, (Column("sku", HOSTILE), Column("n", "N", bar=True)))._repr_html_()
    assert "<img" not in html
    assert "alert(2)</script>" not in html
    assert not {word for name in rows.SHOWN for word in PERSONAL_COLUMNS if word in name.split("_")}


def test_the_explorer_shows_what_a_split_shows(loop: Workbench) -> None:
    view = loop.view("on_time_delivery", by="carrier", start="2026-11-02", end="2026-11-16")
    split = loop.measure("on_time_delivery", by="carrier", period="2026-W45..2026-W47").frame
    told = {dict(part.where.where)["carrier"]: part.now for part in view.parts}
    assert told == pytest.approx(dict(zip(split["carrier"], split["value"], strict=True)))


def test_a_long_table_says_what_it_leaves_out(loop: Workbench) -> None:
    frame = pd.DataFrame({"n": range(3000)})
    answer = Answer("Q?", "Says.", frame, (Column("n", "N"),))
    assert answer._repr_html_().count("<tr>") == 501
    assert "The first 500 of 3,000 rows" in answer._repr_html_()
    assert "2,980 more" in repr(answer)


def test_plot_the_dots_rebases_on_a_day_and_uses_final_weeks_only(loop: Workbench) -> None:
    weeks = loop.measure("return_rate")
    final = weeks.frame[weeks.frame["final"]].reset_index(drop=True)
    day = final["week"][len(final) // 2]
    dots = weeks.dots(day)
    assert len(dots) == len(final) < len(weeks.frame), "young weeks would look good"
    for half in (final["week"] < day, final["week"] >= day):
        values, drawn = final["value"][half], dots[half.to_numpy()]
        moves = values.diff().abs().dropna()
        moves = moves[moves < 3.267 * moves.mean()]
        assert drawn["centre"].to_numpy() == pytest.approx(values.mean())
        assert (drawn["high"] - drawn["centre"]).to_numpy() == pytest.approx(2.66 * moves.mean())
    with pytest.raises(ValueError, match="must leave each chart 2"):
        weeks.dots(final["week"].iloc[-1])
