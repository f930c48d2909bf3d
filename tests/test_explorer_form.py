"""The log as a form: the checks of `closeloop log`, told by column, and nothing lost."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from closeloop import changes
from closeloop.explorer import desk, page, screen
from closeloop.explorer.form import faults_of
from closeloop.explorer.widget import LogForm
from closeloop.loop import Loop


class Elsewhere:
    """The demo's week with a copy of its log, so that the checkout's stays as it is."""

    def __init__(self, loop: Loop, log: Path) -> None:
        self.loop, self.log = loop, log

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loop, name)


@pytest.fixture
def week(demo: Loop, tmp_path: Path) -> Any:
    return Elsewhere(demo, Path(shutil.copy(demo.log, tmp_path / demo.log.name)))


GIVEN = {
    "pattern": "late <b>again</b>", "root_cause": "the 16:00 pick-up", "change_shipped": "=an earlier pick-up",
    "metric": "label_to_first_scan", "scope": "warehouse = NJ & channel = web", "kind": "automation_condition",
    "shipped_on": "2026-11-24", "owner": "dock lead", "notes": "",
}  # fmt: skip


def pressed(at: desk.Desk, do: str, **given: str) -> desk.Desk:
    return desk.press(at, {"do": do, **given})


def test_a_change_is_added_with_the_planners_review_date(week: Any) -> None:
    before = changes.read(week.log)
    done = pressed(pressed(desk.begin(week), "new"), "submit", **GIVEN)
    assert done.form is None
    (added,) = set(changes.read(week.log)) - set(before)
    assert added.change_shipped == "=an earlier pick-up"
    assert added.id in done.said
    planned = pressed(pressed(desk.begin(week), "new"), "propose", **GIVEN)
    assert planned.form
    assert planned.form.cells["review_date"] == added.review_date.isoformat()
    assert planned.form.said[0] in done.said
    assert "late &lt;b&gt;again" in page.desk(planned)


@pytest.mark.parametrize(
    ("wrong", "column", "said"),
    [
        ({"owner": " "}, "owner", "is empty; every change needs it"),
        ({"shipped_on": "soon"}, "shipped_on", "write it as 2026-10-05"),
        ({"scope": "planet = Mars"}, "scope", "not a dimension"),
        ({"metric": "beauty"}, "metric", "unknown metric"),
        ({"kind": "luck"}, "kind", "allowed:"),
        ({"settling_days": "a few"}, "settling_days", "whole number"),
        ({"review_date": "2026-11-01"}, "review_date", "must lie after"),
    ],
)
def test_a_fault_stands_by_its_column_and_nothing_is_written(
    week: Any, wrong: dict[str, str], column: str, said: str
) -> None:
    before = week.log.read_bytes()
    told = pressed(pressed(desk.begin(week), "new"), "submit", **{**GIVEN, **wrong})
    assert told.form
    assert said in told.form.faults[column]
    assert {name: told.form.cells[name] for name in GIVEN} == {n: t.strip() for n, t in {**GIVEN, **wrong}.items()
                                                              if n in GIVEN}  # fmt: skip
    assert f'aria-describedby="fault-{column}"' in page.desk(told)
    assert week.log.read_bytes() == before


def test_an_overlap_is_refused_and_marked_when_it_is_allowed(week: Any) -> None:
    first = pressed(pressed(desk.begin(week), "new"), "submit", **GIVEN)
    second = {**GIVEN, "change_shipped": "another", "review_date": "2027-01-11"}
    told = pressed(pressed(first, "new"), "submit", **second)
    assert told.form
    assert "neither effect could be told" in told.form.faults[""]
    done = pressed(told, "submit", **second, force="on")
    assert done.form is None
    assert all(change.flags for change in changes.read(week.log)[-2:])


def test_amending_and_closing_keep_what_was_said_before(week: Any) -> None:
    name = changes.read(week.log)[0].id
    opened = pressed(desk.begin(week), "amend", value=name)
    assert opened.form
    assert opened.form.cells == changes.cells_of(changes.find(changes.read(week.log), name))
    amended = pressed(opened, "submit", **{**opened.form.cells, "owner": "night shift"})
    assert changes.find(changes.read(week.log), name).owner == "night shift"
    assert (amended.past[0].field, amended.past[0].before) == ("owner", opened.form.cells["owner"])
    again = pressed(pressed(amended, "amend", value=name), "submit", **{**opened.form.cells, "owner": "night shift"})
    assert again.form
    assert "nothing to amend" in again.form.faults[""]
    closing = pressed(amended, "close", value=name)
    closed = pressed(closing, "submit", verdict="improved", decided_on="2026-11-30", estimate="-0.2 (-0.3 to -0.1)")
    assert changes.find(changes.read(week.log), name).verdict == "improved"
    assert [one.field for one in closed.past if one.after == "improved"] == ["verdict"]
    assert "What the log said before" in page.desk(closed)


def test_the_weeks_verdict_stands_in_the_form_that_closes(week: Any, demo: Loop) -> None:
    known = next(v for v in demo.verdicts if v.decision in changes.FINAL)
    opened = pressed(desk.begin(week), "close", value=known.change.id)
    assert opened.form
    assert opened.form.cells == changes.outcome_of(known)


def test_a_pattern_drafts_a_change(week: Any) -> None:
    pattern = week.patterns.patterns[0]
    drafted = desk.begin(week, pattern.id)
    assert drafted.form
    assert drafted.form.cells["pattern"] == pattern.id
    assert drafted.form.cells["change_shipped"]
    with pytest.raises(ValueError, match="has no pattern 'PNONE'"):
        desk.begin(week, "PNONE")


def test_the_explorer_drafts_a_change_from_its_view_and_logs_it(week: Any) -> None:
    shown = screen.press(screen.begin(week, "exception_rate"), {"do": "split", "value": "carrier"})
    shown = screen.press(shown, {"do": "narrow", "dim": "carrier", "value": "UPS"})
    shown = screen.press(shown, {"do": "panel", "value": "log"})
    assert shown.form
    assert shown.form.cells["scope"] == "carrier = UPS"
    given = {**shown.form.cells, "shipped_on": "2026-12-01", "owner": "ann", "kind": "filter_update",
             "change_shipped": "one thing", "root_cause": "labels", "comparison": "", "placebo_metric": "",
             "review_date": "2027-02-01"}  # fmt: skip
    done = screen.press(shown, {"do": "submit", **given})
    assert done.form is None
    assert changes.read(week.log)[-1].change_shipped == "one thing"
    assert done.said.startswith(changes.read(week.log)[-1].id)


def test_unknown_changes_and_foreign_messages_are_told(week: Any) -> None:
    assert "the log has no change 'C99'" in pressed(desk.begin(week), "amend", value="C99").fault
    widget = LogForm(week)
    widget._heard(widget, {"do": "burn"}, [])
    assert "nothing of that name" in widget.html


def test_faults_are_sorted_by_column() -> None:
    said = "improvement log: the new change, owner: is empty\nimprovement log: the new change, kind: no, yes: 3\nfull"
    assert faults_of(said) == {"owner": "is empty", "kind": "no, yes: 3", "": "full"}
